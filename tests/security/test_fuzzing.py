"""The fuzzed functions under hypothesis: a taste of `make fuzz`, and what it has found before."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipeline.market.rows import axie_row, axies_data, order_row
from tests.security.fuzzing import TARGETS, seeds

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["1e999999999", "-0"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def bent(draw: st.DrawFn, whole: Any) -> Any:
    """A well-formed value with something wrong in some place of it."""
    if isinstance(whole, dict) and whole and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(whole)))
        return whole | {key: draw(bent(whole[key]))}
    if isinstance(whole, list) and whole and draw(st.integers(0, 3)):
        return [draw(bent(whole[0])), *whole[1:]]
    return draw(VALUES)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_nothing_that_is_sent_crashes_what_reads_it(name: str, data: st.DataObject) -> None:
    seed = data.draw(st.sampled_from(seeds(name)))
    torn = st.tuples(st.integers(0, len(seed)), st.binary(max_size=8)).map(
        lambda t: seed[: t[0]] + t[1] + seed[t[0] + 1 :]
    )
    TARGETS[name](data.draw(st.binary(max_size=200) | torn))
    if seed.startswith(b"{"):
        TARGETS[name](json.dumps(data.draw(bent(json.loads(seed)))).encode())


@settings(max_examples=100, deadline=None)
@given(row=bent(axie_row(order=order_row())))
def test_a_row_that_makes_no_sense_never_stops_its_page(row: Any) -> None:
    TARGETS["border"](json.dumps(axies_data(row, axie_row(order=order_row()))).encode())


# Found by fuzzing, and mended.
FOUND: dict[str, list[bytes]] = {"border": [], "genes": [], "filters": [], "endpoint": []}


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_before_stays_mended(name: str) -> None:
    for data in (*FOUND[name], *seeds(name), b"", b"[" * 50_000, b'{"a":' * 20_000, b"\xff" * 9):
        TARGETS[name](data)
