"""What people write is read as they mean it, and what means nothing is refused with a sentence."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.services.pacing import DAY_MINUTES, Quiet
from cogs import parsing
from cogs.embeds import watch_words
from cogs.sentences import Refused

MINUTES = st.integers(0, DAY_MINUTES - 1)


@given(MINUTES, MINUTES)
def test_quiet_hours_are_read_as_they_are_shown(start: int, end: int) -> None:
    if start != end:
        quiet = Quiet(start, end)
        assert parsing.quiet(watch_words.hours(quiet)) == quiet


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("22:00-07:00", 1320, 420),
        ("22 – 7", 1320, 420),
        ("10pm to 7:30am", 1320, 450),
        ("12am-12pm", 0, 720),
        ("0:00-24:00", None, None),
        ("22h30-6h", None, None),
        ("13pm-7", None, None),
        ("22:60-7", None, None),
        ("22:00", None, None),
        ("", None, None),
    ],
)
def test_hours_are_written_in_many_ways(text: str, start: int | None, end: int | None) -> None:
    if start is None or end is None:
        with pytest.raises(Refused, match="quiet hours"):
            parsing.quiet(text)
    else:
        assert parsing.quiet(text) == Quiet(start, end)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("", (None, None)),
        ("5-40", (5, 40)),
        (" $5 - $40 ", (5, 40)),
        ("-40", (None, 40)),
        ("5-", (5, None)),
        ("3", (3, 3)),
        ("2,5-3,5", (2.5, 3.5)),
    ],
)
def test_a_range_may_leave_out_either_end(text: str, span: tuple[float | None, float | None]) -> None:
    assert parsing.span(text, "ask", 100) == span


@given(st.text(max_size=40))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    readers = (
        parsing.quiet,
        parsing.classes,
        parsing.collections,
        parsing.tokens,
        parsing.parts,
        lambda words: parsing.number(words, "cap"),
        lambda words: parsing.span(words, "ask", 100),
    )
    for read in readers:
        with suppress(Refused):
            read(text)


@given(st.floats(0, 1e6).map(lambda value: round(value, 2)))
def test_a_number_keeps_its_value_whatever_its_unit_and_point(value: float) -> None:
    for text in (f"{value}", f"${value}", f" {value} % ", f"{value}".replace(".", ",")):
        assert parsing.number(text, "cap") == pytest.approx(value)
