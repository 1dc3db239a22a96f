"""Numbers, times and other people's words, as they are written in Discord."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogs import format as fmt
from pipeline.clock import ManualClock, SystemClock
from pipeline.market.values import Price, Token
from tests.cogs.parts import make_axie

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.83, "$0.83"),
        (12.4, "$12.40"),
        (999.99, "$999.99"),
        (999.999, "$1,000"),
        (2517.3, "$2,517"),
        (-0.2, "−$0.20"),
        (0.001, "under 1¢"),
        (0, "$0.00"),
    ],
)
def test_dollars_are_written_as_people_write_them(value: float, text: str) -> None:
    assert fmt.usd(value) == text


@pytest.mark.parametrize(
    ("amount", "token", "text"),
    [
        (1_230_000_000_000_000, Token.WETH, "0.00123 WETH"),
        (1_234_567_890_123_456, Token.WETH, "0.001235 WETH"),
        (10**18, Token.WETH, "1 WETH"),
        (1_234_567, Token.USDC, "1.235 USDC"),
        (12_345, Token.SLP, "12,345 SLP"),
        (0, Token.WETH, "0 WETH"),
        (1, Token.WETH, "0.000000000000000001 WETH"),
    ],
)
def test_tokens_have_four_significant_digits_and_no_exponent(amount: int, token: Token, text: str) -> None:
    assert fmt.tokens(Price(amount, token)) == text


@given(st.integers(0, 10**30), st.sampled_from(Token))
def test_a_written_amount_is_off_by_less_than_a_thousandth(amount: int, token: Token) -> None:
    written = Decimal(fmt.tokens(Price(amount, token)).split()[0].replace(",", ""))
    exact = Decimal(amount).scaleb(-token.decimals)
    assert abs(written - exact) <= exact / 1000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (41, "41 s"), (180, "3 min"), (5 * 3600, "5 h"), (12 * 86_400, "12 d"), (-3, "0 s")],
)
def test_ages_use_the_largest_sensible_unit(seconds: float, text: str) -> None:
    assert fmt.age(seconds) == text


def test_a_probability_is_never_certain() -> None:
    assert [fmt.chance(p) for p in (0.999, 0.93, 0.001)] == ["over 99%", "93%", "under 1%"]


def test_a_share_is_whole_only_where_all_are() -> None:
    assert [fmt.share(r) for r in (1, 422 / 423, 0.5, 1 / 423, 0)] == [
        "100%",
        "over 99%",
        "50%",
        "under 1%",
        "0%",
    ]


def test_only_real_time_is_shown_as_a_timestamp_that_moves() -> None:
    later = NOON + timedelta(hours=3)
    assert fmt.when(fmt.Moment(NOON, real=True), later) == f"<t:{int(later.timestamp())}:R>"
    assert fmt.when(fmt.Moment(NOON, real=False), later) == "in 3 h"
    assert fmt.Moment.of(SystemClock()).real
    assert not fmt.Moment.of(ManualClock(NOON)).real


@pytest.mark.parametrize(
    "hostile",
    [
        "@everyone",
        "@here",
        "<@123456789012345678>",
        "<@&123456789012345678>",
        "<#123456789012345678>",
        "<t:0:R>",
        "<:x:123456789012345678>",
        "https://evil.example/axie",
        "[free axies](https://evil.example)",
        "**bold** `code` ~~gone~~ ||spoiler||",
        "# heading",
        "> quote",
    ],
)
def test_nothing_in_market_text_is_rendered(hostile: str) -> None:
    shown = fmt.plain(hostile, 100)
    assert "@everyone" not in shown
    assert "@here" not in shown
    assert "://" not in shown
    for mark in "*`~|<[]()#>":
        assert mark not in shown.replace(f"\\{mark}", "")


@given(st.text(max_size=300), st.integers(5, 80))
def test_market_text_is_one_bounded_visible_line(text: str, limit: int) -> None:
    shown = fmt.plain(text, limit)
    assert shown
    assert "\n" not in shown
    assert len(shown) <= 3 * limit
    assert not any(char in shown for char in "\u202e\u2066\x00\u200e")


MARKS = st.characters(categories=["Mn", "Me"])
LETTERS = st.characters() | MARKS | st.sampled_from("aя한שب١\u202e\u2067\u2069\u200d ")


@given(st.text(LETTERS, max_size=80), st.integers(5, 80))
def test_market_text_neither_towers_over_other_lines_nor_turns_them_round(text: str, limit: int) -> None:
    shown = fmt.bare(text, limit)
    assert 0 < len(shown) <= limit
    categories = [unicodedata.category(char) for char in unicodedata.normalize("NFC", shown)]
    runs = "".join("m" if category in ("Mn", "Me") else "." for category in categories)
    assert "mmm" not in runs
    assert not runs.startswith("m")
    turned = any(unicodedata.bidirectional(char) in ("R", "AL", "AN") for char in shown)
    inner = shown.removeprefix("\u2068").removesuffix("\u2069")
    assert (len(shown) - len(inner)) == (2 if turned else 0)
    assert not any(unicodedata.category(char) == "Cf" for char in inner)


@pytest.mark.parametrize("name", ["Nguyễn Ánh", "แมวน้ำ", "Ångström", "é", "Überblick", "Axie ☀️"])
def test_names_that_people_have_are_shown_as_they_are(name: str) -> None:
    assert fmt.bare(name) == unicodedata.normalize("NFC", name)


def test_a_name_from_right_to_left_stands_by_itself() -> None:
    assert fmt.bare("שלום $5") == "\u2068שלום $5\u2069"
    assert fmt.bare("Z" + "\u0310\u0341\u0352" * 20 + "l") == unicodedata.normalize("NFC", "Z\u0310\u0341l")


def test_a_picture_from_an_unknown_place_is_not_shown() -> None:
    usual = "https://axiecdn.axieinfinity.com/axies/7/axie/axie-full-transparent.png"
    own = "https://axiecdn.axieinfinity.com/axies/7/other.png"
    assert fmt.picture(make_axie(id=7, image=own)) == own
    for image in (
        None,
        "http://axiecdn.axieinfinity.com/x.png",
        "https://evil.example/x.png",
        "https://[",
        "x",
    ):
        assert fmt.picture(make_axie(id=7, image=image)) == usual
