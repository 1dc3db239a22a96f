"""When a falling price is worth another look: never later than it could matter to anybody."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.falling import LONGEST, falls_to, look_again
from pipeline.market.values import Listing, OrderStatus, Token
from pipeline.matching import Matcher
from pipeline.signal import QUANTILE_LEVELS, Filters, Prediction, Thresholds, refusal
from tests.bot.factories import NOON, make_axie, make_forecast, make_listing

SECOND = timedelta(seconds=1)


@st.composite
def auctions(draw: st.DrawFn) -> Listing:
    """A falling auction in whole micro-dollars, of up to a day."""
    ended = draw(st.integers(0, 20_000_000))
    return make_listing(
        token=Token.USDC,
        base=ended + draw(st.integers(1, 20_000_000)),
        ended=ended,
        started_at=NOON,
        ended_at=NOON + timedelta(seconds=draw(st.integers(1, 86_400))),
    )


def priced(listing: Listing, worth_usd: float, at: datetime, spread: float = 0.4) -> Prediction:
    """By a forecast that no ask changes: resales between worth × (1 ± spread), all equally likely."""
    forecast = make_forecast(
        at=at, quantiles=tuple(worth_usd * (1 - spread + 2 * spread * level) for level in QUANTILE_LEVELS)
    )
    ask = listing.ask(at).whole()
    net = worth_usd * (1 - listing.fee_bps / 10_000) - ask - 0.01
    found = Prediction(
        forecast, listing.hash, ask, 0.01, listing.fee_bps / 10_000, net, net / (ask + 0.01), 0.0
    )
    return msgspec.structs.replace(found, probability=found.chance(0.0))


@given(auctions(), st.integers(0, 40_000_000))
def test_the_moment_of_an_amount_is_the_first_second_at_which_it_is_enough(
    listing: Listing, amount: int
) -> None:
    moment = falls_to(listing, amount)
    assert listing.ended_at is not None
    if moment is None:
        assert listing.ask(listing.ended_at).amount > amount
    else:
        assert listing.ask(moment).amount <= amount
        assert moment == listing.started_at or listing.ask(moment - SECOND).amount > amount


@given(auctions(), st.floats(0.01, 50), st.floats(0, 1))
def test_it_is_looked_at_again_before_a_resale_could_pay_unseen(
    listing: Listing, worth_usd: float, passed: float
) -> None:
    assert listing.ended_at is not None
    at = listing.started_at + SECOND * int(passed * (listing.ended_at - listing.started_at).total_seconds())
    prediction = priced(listing, worth_usd, at)
    moment = look_again(listing, prediction, None, at)
    if moment is None:
        assert at == listing.ended_at
        return
    assert at < moment <= min(at + LONGEST, listing.ended_at)
    before = max(at, moment - SECOND)
    if prediction.net_usd < 0:
        assert priced(listing, worth_usd, before).net_usd < 1e-9


rules = st.tuples(
    st.builds(
        Thresholds,
        min_net_usd=st.floats(0, 10),
        min_return=st.floats(0, 1),
        min_probability=st.floats(0, 1),
        min_sell_chance=st.just(0.0),
    ),
    st.builds(
        Filters,
        min_breed_count=st.sampled_from([None, 3]),
        min_price_usd=st.none() | st.floats(0, 10),
        max_price_usd=st.none() | st.floats(10, 20),
    ),
)


@given(auctions(), st.lists(rules, max_size=6), st.floats(0.01, 50), st.floats(0, 1, exclude_max=True))
def test_no_watch_is_reached_before_the_moment_at_which_it_is_looked_at_again(
    listing: Listing, watched: Any, worth_usd: float, passed: float
) -> None:
    prediction = priced(listing, worth_usd, NOON)
    matcher = Matcher(watched)
    moment = look_again(listing, prediction, matcher.next_ask(listing, prediction, NOON), NOON)
    assert moment is not None
    between = NOON + SECOND * int(passed * (moment - NOON).total_seconds())
    reached = matcher.matching(listing, priced(listing, worth_usd, between), between)
    # What rests on a tail beyond the stored quantiles is found by steps instead.
    sure = [number for number in reached if 0.05 < watched[number][0].min_probability < 0.95]
    assert set(sure) <= set(matcher.matching(listing, prediction, NOON))


def test_the_moment_is_that_of_the_watch_which_is_reached_first() -> None:
    falling = make_listing(
        token=Token.USDC, base=30_000_000, ended=0, started_at=NOON, ended_at=NOON + timedelta(hours=3)
    )
    greedy, modest, elsewhere = (
        (Thresholds(15.0, 0.0, 0.0), Filters()),
        (Thresholds(9.0, 0.0, 0.0), Filters()),
        (Thresholds(0.5, 0.0, 0.0), Filters(parts=("tail-koi",))),
    )
    prediction = priced(falling, 20.0, NOON)
    matcher = Matcher([greedy, modest, elsewhere])
    wanted = matcher.next_ask(falling, prediction, NOON)
    assert wanted == pytest.approx(20 * (1 - 0.0525) - 0.01 - 9)
    first = look_again(falling, prediction, None, NOON)
    assert first is not None  # it pays to anybody at all before that
    moment = look_again(falling, priced(falling, 20.0, first), wanted, first)
    assert moment is not None
    assert moment < first + timedelta(minutes=2), "from there on it is looked at by steps"
    at = falls_to(falling, int(wanted * 1e6))
    assert at is not None
    assert refusal(*modest, falling, priced(falling, 20.0, at), at) is None
    assert refusal(*modest, falling, priced(falling, 20.0, at - SECOND), at) is not None


@pytest.mark.parametrize(
    "over",
    [
        {"ended_at": None},
        {"ended": 2 * 10**16},
        {"ended_at": NOON},
        {"status": OrderStatus.CANCELLED},
        {"axie": make_axie(banned=True)},
    ],
)
def test_what_does_not_fall_or_cannot_be_bought_is_not_looked_at_again(over: dict[str, Any]) -> None:
    course = {"base": 10**16, "ended": 10**15, "ended_at": NOON + timedelta(hours=1)}
    assert look_again(make_listing(**course), None, None, NOON) == NOON + timedelta(hours=1)
    assert look_again(make_listing(**(course | over)), None, None, NOON) is None
