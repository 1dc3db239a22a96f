from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from bot.errors import NoChampion
from bot.services.predictor import Predictor
from models import ensemble
from models.members import MEMBERS
from models.registry import Registry, RegistryError
from pipeline.clock import ManualClock
from pipeline.market.values import Rates, Token
from pipeline.objects import LocalStore
from tests.bot.factories import NOON, make_axie, make_listing
from tests.pipeline.appraisal.history import events, table
from tests.trainings import train

KEY = b"a key of sixteen+"
RATES = Rates(NOON, dict.fromkeys(Token, 1.0) | {Token.WETH: 2000.0})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    return LocalStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def registry(store: LocalStore) -> Registry:
    registry = Registry(store, KEY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "MEMBERS", {"linear": MEMBERS["linear"]})
        train(table(events(1500)), registry)
    return registry


@pytest.fixture
def predictor(registry: Registry) -> Predictor:
    return Predictor(registry, ManualClock(NOON), gas_ron=0.007)


async def test_nothing_is_priced_before_there_is_a_model_and_rates(
    predictor: Predictor, tmp_path: Path
) -> None:
    with pytest.raises(NoChampion, match="trained"):
        predictor.forecast(make_axie())
    assert predictor.version is None
    assert predictor.card is None
    await predictor.refresh()
    with pytest.raises(NoChampion, match="exchange rates"):
        predictor.predict(make_listing())
    with pytest.raises(NoChampion, match="axieflip train"):
        await Predictor(Registry(LocalStore(tmp_path), KEY), ManualClock(NOON), 0.007).refresh()


async def test_the_champion_is_taken_on_once_and_again_only_when_it_changes(
    predictor: Predictor, registry: Registry
) -> None:
    assert await predictor.refresh()
    first = predictor.version
    assert not await predictor.refresh()
    card, artefact = registry.load(registry.champion())
    registry.save("other", artefact, card.facts)
    registry.promote("other")
    assert await predictor.refresh()
    assert predictor.version == "other" != first
    assert predictor.card is not None
    assert predictor.card["rows"] == 1500


@pytest.mark.parametrize("wrong", ["key", "libraries", "truncated", "format", "content"])
async def test_a_champion_that_cannot_be_used_leaves_the_present_one_serving(
    predictor: Predictor, registry: Registry, store: LocalStore, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await predictor.refresh()
    serving = predictor.version
    card, artefact = registry.load(registry.champion())
    with monkeypatch.context() as patch:
        if wrong == "libraries":
            patch.setattr("models.registry._libraries", lambda: {"numpy": "1.0.0"})
        if wrong == "format":
            patch.setattr("models.registry.FORMAT", 0)
        registry.save(wrong, artefact if wrong != "content" else {}, card.facts)
    registry.promote(wrong)
    if wrong == "truncated":
        store.put(f"models/{wrong}/model.joblib", store.get(f"models/{wrong}/model.joblib")[:-9])
    if wrong == "key":
        for key in list(store.list(f"models/{wrong}/")):
            store.delete(key)
        Registry(store, b"somebody else's key").save(wrong, artefact, card.facts)
    with pytest.raises(RegistryError, match="retrain"):
        await predictor.refresh()
    assert predictor.version == serving
    assert predictor.forecast(make_axie()).model_version == serving
    registry.rollback()
    assert not await predictor.refresh()


async def test_a_champion_whose_compiled_copy_is_off_prices_the_same_by_its_members(
    predictor: Predictor, registry: Registry
) -> None:
    trained = registry.versions()[0]  # named by its time; the other tests' are named in letters
    registry.promote(trained)
    await predictor.refresh()
    right = predictor.forecast(make_axie())
    assert predictor.card is not None
    assert predictor.card["compiled"]
    card, artefact = registry.load(trained)
    fine = artefact["ensemble"]
    off = replace(fine, compiled=replace(fine.compiled, offset=fine.compiled.offset + 0.1))
    registry.save("off", {**artefact, "ensemble": off}, card.facts, registry.members(trained))
    registry.promote("off")
    assert await predictor.refresh()
    assert not predictor.card["compiled"]
    served = predictor.forecast(make_axie())
    assert served.model_version == "off"
    assert served.resale_usd == pytest.approx(right.resale_usd, rel=1e-9)
    registry.rollback()


async def test_listings_in_a_token_without_a_rate_are_left_unpriced_and_the_others_priced(
    predictor: Predictor,
) -> None:
    await predictor.refresh()
    predictor.rates = msgspec.structs.replace(RATES, usd={Token.WETH: 2000.0, Token.USDC: 1.0})
    page = [make_listing(), make_listing(token=Token.AXS), make_listing(token=Token.USDC, base=3_000_000)]
    first, second, third = predictor.predict_page(page)
    assert first is not None
    assert first.ask_usd == pytest.approx(10.0)
    assert second is None
    assert third is not None
    assert third.ask_usd == pytest.approx(3.0)
    with pytest.raises(NoChampion, match="AXS"):
        predictor.predict(page[1])


async def test_gas_is_part_of_the_cost(predictor: Predictor) -> None:
    await predictor.refresh()
    predictor.rates = RATES
    listing = make_listing()
    prediction = predictor.predict(listing)
    assert prediction.gas_usd == pytest.approx(0.007)
    assert prediction.return_ == pytest.approx(prediction.net_usd / (prediction.ask_usd + 0.007))
