from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.ensemble import TrainingError
from models.registry import Registry, RegistryError
from pipeline import training
from pipeline.appraisal.features import features
from pipeline.objects import open_store
from pipeline.training import examples, load_appraiser, train
from tests.bot.factories import make_axie
from tests.pipeline.appraisal.history import builds, events, table

KEY = b"a key of sixteen+"
pytestmark = pytest.mark.usefixtures("light_members")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(open_store(f"file:{tmp_path}"), KEY)


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    return table(events(2200))


def test_the_first_version_is_promoted_and_serves_what_was_trained(
    registry: Registry, history: pd.DataFrame
) -> None:
    outcome = train(history, registry)
    assert outcome.promoted
    assert outcome.reason == "it is the first"
    card, appraiser = load_appraiser(registry)
    assert card.version == outcome.card.version == registry.champion()
    assert card.facts["rows"] == len(history)
    assert set(card.facts["members"]) >= {"extra_trees", "ridge"}
    replayed = examples(history)
    subject, _ = builds()[0]
    now = replayed.state.at
    row = features(replayed.state, subject, now)
    np.testing.assert_array_equal(features(appraiser.state, subject, now), row)


def test_a_challenger_must_be_better_on_sales_that_the_champion_has_not_seen(registry: Registry) -> None:
    sales = events(4000, drift_a_day=0.0)
    first = train(table(sales[:2000]), registry)
    same = train(table(sales[:2000]), registry, seed=1)
    assert not same.promoted
    assert "newer than what the champion has learnt from" in same.reason
    assert registry.champion() == first.card.version
    newer = train(table(sales), registry)
    assert "against the champion's" in newer.reason
    assert registry.champion() == (newer if newer.promoted else first).card.version


def test_a_champion_that_cannot_serve_gives_way(
    registry: Registry, history: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(history, registry)
    with monkeypatch.context() as patch:
        patch.setattr(training, "NAMES", ("another", "layout"))
        with pytest.raises(RegistryError, match="retrain"):
            load_appraiser(registry)
    registry.save("zzz", {"no": "model"}, {"data_to_s": 0.0})
    registry.promote("zzz")
    assert train(history, registry).promoted


def test_too_little_history_gives_a_sentence_and_stores_nothing(registry: Registry) -> None:
    for rows in (0, 50):
        with pytest.raises(TrainingError, match="collect"):
            train(table(events(rows)), registry)
    assert registry.versions() == []


def test_asks_of_listings_are_learnt_with_the_model(registry: Registry, history: pd.DataFrame) -> None:
    asked = [(make_axie(id=index), 3.0) for index in range(300)]
    card = train(history, registry, asked).card
    assert set(card.facts["asks"]) == {"bias", "spread", "noise"}
    assert card.facts["asks"]["spread"] > 0


def test_progress_ends_at_one_and_never_goes_back(registry: Registry, history: pd.DataFrame) -> None:
    seen: list[float] = []
    train(history, registry, progress=lambda _stage, share: seen.append(share))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
