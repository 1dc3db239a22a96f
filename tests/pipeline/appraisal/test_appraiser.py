from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from models import ensemble
from pipeline.appraisal.appraiser import Appraiser
from pipeline.appraisal.asks import Asks
from pipeline.appraisal.features import NAMES
from pipeline.market.values import Axie, AxieClass, OrderStatus, Part, Rates, Slot, Token
from pipeline.training import examples
from tests.bot.factories import make_axie, make_listing
from tests.pipeline.appraisal.history import builds, events, table

GAS = 0.01


@pytest.fixture(scope="module")
def appraiser(light_members: None) -> Appraiser:
    data = examples(table(events(2500)))
    fitted = ensemble.fit(data.X[250:], data.y[250:], np.ones(len(data.y) - 250), NAMES)
    return Appraiser(fitted.ensemble, data.state, Asks(0.2, 0.45, 0.15), "v1")


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
    assert found[-1].probability < 0.2
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
    assert [c.likeness for c in forecast.comparables] == ["same build and breed count"] * 3
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
