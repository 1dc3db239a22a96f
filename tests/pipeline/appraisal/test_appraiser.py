from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from pipeline.appraisal.appraiser import Appraiser
from pipeline.appraisal.selling import PIECES, Selling
from pipeline.appraisal.state import MarketState
from pipeline.appraisal.subject import from_axie
from pipeline.history import replayed
from pipeline.market.values import Axie, AxieClass, OrderStatus, Part, Rates, Slot, Token
from pipeline.signal import QUANTILE_LEVELS
from pipeline.training import learn
from tests.bot.factories import make_axie, make_listing
from tests.pipeline.appraisal.history import builds, events, table

GAS = 0.01
SELLING = Selling(np.full(len(PIECES), np.log(0.1)), np.array([-4.0, 0.0, 0.0, 0.0, 0.0]), 500, 200)


@pytest.fixture(scope="module")
def appraiser(light_members: None) -> Appraiser:
    data = replayed(table(events(2500)))
    learnt = learn(data)
    return Appraiser(learnt.fitted.ensemble, data.state, learnt.flips, SELLING, "v1")


@pytest.fixture
def now(appraiser: Appraiser) -> datetime:
    return datetime.fromtimestamp(appraiser.state.at, UTC) + timedelta(minutes=1)


@pytest.fixture
def rates(now: datetime) -> Rates:
    return Rates(now, dict.fromkeys(Token, 1.0) | {Token.WETH: 2000.0})


def known_axie(rank: int = 0, axie_id: int = 77) -> tuple[Axie, float]:
    """An axie of one of the history's builds, and its true log price."""
    subject, value = builds()[rank]
    parts = tuple(
        Part(part, slot, AxieClass(subject.class_) if index < 3 else AxieClass.BUG)
        for index, (slot, part) in enumerate(zip(Slot, subject.parts, strict=True))
    )
    axie = make_axie(
        id=axie_id, class_=AxieClass(subject.class_), parts=parts, breed_count=subject.breed_count
    )
    return axie, value


def listed(axie: Axie, usd: float, **over: object):
    return make_listing(axie=axie, base=round(usd / 2000 * 10**18), token=Token.WETH, **over)


def test_a_forecast_comes_close_to_what_the_build_sells_for(appraiser: Appraiser, now: datetime) -> None:
    axie, value = known_axie()
    forecast = appraiser.forecast(axie, now)
    assert forecast.resale_usd == pytest.approx(np.exp(value), rel=0.2)
    assert forecast.low_usd < np.exp(value) < forecast.high_usd
    assert forecast.model_version == "v1"


def test_net_return_and_probability_fall_as_the_ask_rises(
    appraiser: Appraiser, now: datetime, rates: Rates
) -> None:
    axie, value = known_axie()
    asks = [float(np.exp(value)) * share for share in (0.3, 0.6, 0.9, 1.2)]
    found = appraiser.predict([listed(axie, ask) for ask in asks], rates, GAS, now)
    for cheaper, dearer in pairwise(found):
        assert cheaper.net_usd > dearer.net_usd
        assert cheaper.return_ > dearer.return_
        assert cheaper.probability >= dearer.probability
    assert found[0].probability > 0.9
    assert found[-1].probability < 0.4
    assert found[0].ask_usd == pytest.approx(asks[0])
    assert found[0].return_ == pytest.approx(found[0].net_usd / (asks[0] + GAS))


def test_a_listing_alone_and_in_a_page_gets_the_same_prediction(
    appraiser: Appraiser, now: datetime, rates: Rates
) -> None:
    page = [listed(known_axie(rank, rank)[0], 2.0 + rank) for rank in range(12)]
    together = appraiser.predict(page, rates, GAS, now)
    alone = [appraiser.predict([listing], rates, GAS, now)[0] for listing in page]
    assert [p.net_usd for p in together] == pytest.approx([p.net_usd for p in alone], abs=1e-9)
    assert appraiser.predict([], rates, GAS, now) == []


def test_comparables_are_the_most_alike_first_and_none_twice(appraiser: Appraiser, now: datetime) -> None:
    forecast = appraiser.forecast(known_axie()[0], now)
    assert [c.likeness for c in forecast.comparables] == ["same build and breeds"] * 3
    assert len({(c.axie_id, c.sold_at) for c in forecast.comparables}) == 3
    times = [c.sold_at for c in forecast.comparables]
    assert times == sorted(times, reverse=True)
    assert max(times) <= now


def test_what_was_never_seen_is_priced_with_a_wide_interval_and_a_caution(
    appraiser: Appraiser, now: datetime, rates: Rates
) -> None:
    stranger = make_axie(class_=AxieClass.DUSK)
    known, strange = appraiser.predict([listed(known_axie()[0], 3.0), listed(stranger, 3.0)], rates, GAS, now)
    assert "few comparable sales" in strange.cautions
    assert "few comparable sales" not in known.cautions
    assert strange.forecast.comparables == ()


def test_cautions_name_what_the_model_cannot_see(appraiser: Appraiser, now: datetime, rates: Rates) -> None:
    axie, value = known_axie()
    cheap = listed(axie, float(np.exp(value)) * 0.1)
    banned = listed(msgspec.structs.replace(axie, banned=True), 3.0, status=OrderStatus.INVALID_BANNED)
    old = msgspec.structs.replace(rates, at=now - timedelta(hours=1))
    first, second = appraiser.predict([cheap, banned], old, GAS, now)
    assert any("too cheap to be true" in caution for caution in first.cautions)
    assert {"the axie is banned", "the order is InvalidBannedToken"} <= set(second.cautions)
    assert all("the exchange rates are old" in p.cautions for p in (first, second))


def test_the_quantiles_of_a_forecast_rise_and_hold_its_middle_and_its_interval(
    appraiser: Appraiser, now: datetime, rates: Rates
) -> None:
    axie, _ = known_axie()
    (prediction,) = appraiser.predict([listed(axie, 3.0)], rates, GAS, now)
    for forecast in (appraiser.forecast(axie, now), prediction.forecast):
        assert len(forecast.quantiles) == len(QUANTILE_LEVELS)
        assert list(forecast.quantiles) == sorted(forecast.quantiles)
        assert forecast.quantiles[len(QUANTILE_LEVELS) // 2] == forecast.resale_usd
        assert forecast.low_usd <= forecast.quantiles[0]
        assert forecast.quantiles[-1] <= forecast.high_usd
    assert prediction.chance(0.0) == pytest.approx(prediction.probability, abs=0.03)


def test_the_shares_of_a_forecast_add_up_to_it(appraiser: Appraiser, now: datetime, rates: Rates) -> None:
    axie, value = known_axie()
    (bargain,) = appraiser.predict([listed(axie, float(np.exp(value)) * 0.5)], rates, GAS, now)
    plain, asked = appraiser.forecast(axie, now), bargain.forecast
    assert plain.contributions == asked.contributions == ()
    for forecast in (plain, asked):
        shares = appraiser.explain(axie, forecast).contributions
        assert shares[0].name == "market level"
        assert sum(share.usd for share in shares) == pytest.approx(forecast.resale_usd)
    assert {"build", "what the ask tells"} <= {share.name for share in shares}


def test_how_fast_a_resale_would_sell_is_told_where_history_tells(
    appraiser: Appraiser, now: datetime, rates: Rates
) -> None:
    page = [listed(known_axie()[0], 3.0)]
    (told,) = appraiser.predict(page, rates, GAS, now)
    assert told.sell_chance is not None
    assert 0.5 < told.sell_chance < 1.0  # a tenth an hour at about its forecast
    assert told.sell_hours == pytest.approx(np.log(2) / 0.1, rel=0.5)
    silent = Appraiser(appraiser.ensemble, appraiser.state, appraiser.flips, None, "v1")
    (unknown,) = silent.predict(page, rates, GAS, now)
    assert unknown.sell_chance is None
    assert unknown.sell_hours is None


def test_outcomes_move_the_state_and_the_calibration(light_members: None) -> None:
    data = replayed(table(events(1500)))
    learnt = learn(data)
    appraiser = Appraiser(learnt.fitted.ensemble, data.state, learnt.flips, None, "v1")
    axie, _ = known_axie()
    start = datetime.fromtimestamp(data.at[-1], UTC)
    before = appraiser.forecast(axie, start)
    residuals = appraiser.calibrator.residuals
    crash = [
        replace(sale, at=data.at[-1] + 60.0 * index, price_usd=sale.price_usd / 2)
        for index, sale in enumerate(events(200, seed=1))
    ]
    appraiser.observe(crash)
    after = appraiser.forecast(axie, start + timedelta(minutes=200))
    assert after.resale_usd < 0.75 * before.resale_usd
    assert appraiser.calibrator.residuals is not residuals


def test_a_standing_ask_of_another_like_it_is_seen_and_its_own_is_not(
    appraiser: Appraiser, now: datetime, rates: Rates
) -> None:
    copy = Appraiser(
        appraiser.ensemble,
        MarketState.restore(appraiser.state.dump()),
        appraiser.flips,
        None,
        "v1",
    )
    axie, other = known_axie(axie_id=1)[0], known_axie(axie_id=2)[0]
    copy.enter([listed(axie, 3.0, seen_at=now)], rates)
    subjects = [from_axie(axie), from_axie(other)]
    own, seen = copy.state.look(subjects, now.timestamp()).standing[:, 0]
    assert np.isnan(own)
    assert seen == pytest.approx(np.log(3.0) - copy.state.level)
