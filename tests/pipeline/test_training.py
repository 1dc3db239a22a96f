import shutil
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models import ensemble
from models.members import MEMBERS, Regressor, boosting
from models.registry import Registry, RegistryError
from models.rows import TrainingError
from pipeline import loading
from pipeline.appraisal.features import NAMES, features
from pipeline.appraisal.flips import KNOTS
from pipeline.appraisal.memory import DAY
from pipeline.history import replayed
from pipeline.labels import ListingOutcome
from pipeline.loading import load_appraiser
from pipeline.market.values import OrderStatus
from pipeline.objects import open_store
from pipeline.training import Outcome, learn, to_learn_from
from tests.bot.factories import make_axie
from tests.pipeline.appraisal.history import builds, events, table
from tests.trainings import train

KEY = b"a key of sixteen+"
pytestmark = pytest.mark.usefixtures("light_members")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(open_store(f"file:{tmp_path}"), KEY)


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    return table(events(2200))


@dataclass(frozen=True, slots=True)
class First:
    """A training without a champion before it and without listings, and what it told of its progress."""

    store: Path
    outcome: Outcome
    told: list[float]

    @property
    def registry(self) -> Registry:
        return Registry(open_store(f"file:{self.store}"), KEY)


@pytest.fixture(scope="module")
def first(light_members: None, history: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> First:
    store, told = tmp_path_factory.mktemp("first"), list[float]()
    registry = Registry(open_store(f"file:{store}"), KEY)
    outcome = train(history, registry, progress=lambda _stage, share: told.append(share))
    return First(store, outcome, told)


def test_the_first_version_is_promoted_and_serves_what_was_trained(
    first: First, history: pd.DataFrame
) -> None:
    outcome, registry = first.outcome, first.registry
    assert outcome.promoted
    assert outcome.reason == "it is the first"
    card, appraiser = load_appraiser(registry)
    assert card.version == outcome.card.version == registry.champion()
    assert card.facts["rows"] == len(history)
    assert set(card.facts["members"]) >= {"linear", "random_forest"}
    subject, _ = builds()[0]
    state = replayed(history).state
    row, served = (features(held.look([subject], state.at), [subject]) for held in (state, appraiser.state))
    np.testing.assert_array_equal(served, row)


@pytest.mark.parametrize(("days", "known"), [(40, False), (70, True)])
def test_weekdays_are_learnt_from_only_where_they_have_come_round(days: int, known: bool) -> None:
    X = np.ones((1000, len(NAMES)))
    rows = to_learn_from(X, np.zeros(1000), np.linspace(0, days * DAY, 1000))
    unknown = {name for name, column in zip(rows.names, rows.X.T, strict=True) if np.isnan(column).all()}
    assert unknown == (set() if known else {"weekday_sin", "weekday_cos"})
    assert not np.isnan(X).any()


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
    first: First, tmp_path: Path, history: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = replace(first, store=Path(shutil.copytree(first.store, tmp_path / "store"))).registry
    with monkeypatch.context() as patch:
        patch.setattr(loading, "NAMES", ("another", "layout"))
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


def outcomes(history: pd.DataFrame) -> list[ListingOutcome]:
    """Listings of the history's builds, half of which are sold within two hours."""
    first = history["sold_at"].iloc[0].to_pydatetime()
    found = []
    for index in range(600):
        seen = first + timedelta(minutes=20 * index)
        sold = index % 2 == 0
        until = seen + timedelta(hours=2 if sold else 30)
        found.append(
            ListingOutcome(
                hash=f"0x{index:x}", axie=make_axie(id=index), seller="0xs", ask_usd=3.0,
                started_at=seen, seen_at=seen, is_auction=False,
                status=OrderStatus.MATCHED if sold else OrderStatus.CANCELLED,
                open_until=until, sold_by=until if sold else None,
            )
        )  # fmt: skip
    return found


def test_listings_teach_how_long_a_sale_takes(registry: Registry, history: pd.DataFrame) -> None:
    card = train(history, registry, outcomes(history)).card
    assert card.facts["selling"] == {"listings": 600, "sold": 300}
    _, appraiser = load_appraiser(registry)
    assert appraiser.selling is not None
    assert len(appraiser.state.book) > 0


def test_without_listings_the_time_of_a_sale_is_unknown(first: First) -> None:
    assert first.outcome.card.facts["selling"] is None
    assert load_appraiser(first.registry)[1].selling is None


def test_axies_sold_twice_teach_what_a_flip_brings(registry: Registry) -> None:
    sales = events(2600)
    again = [
        replace(sale, subject=replace(sale.subject, axie_id=index % 700)) for index, sale in enumerate(sales)
    ]
    assert train(table(again), registry).card.facts["flips"]["pairs"] > 100


def test_days_of_a_market_s_trend_are_hardly_taken_for_what_a_flip_brings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ensemble, "MEMBERS", {"linear": MEMBERS["linear"]})

    def resale(drift_a_day: float) -> float:
        sales = events(2600, drift_a_day=drift_a_day)
        twice = [replace(s, subject=replace(s.subject, axie_id=i % 700)) for i, s in enumerate(sales)]
        flips = learn(replayed(table(twice))).flips
        return float(np.interp(0.0, KNOTS, flips.curve))

    meanwhile = 0.05 * 700 * 360 / DAY
    assert abs(resale(0.05) - resale(0.0)) < 0.5 * meanwhile


def test_a_search_is_named_on_the_card_and_kept(
    tmp_path: Path, history: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(categories: int, seed: int) -> Regressor:
        return boosting(categories, seed, "squared_error", max_iter=8, max_leaf_nodes=12)

    monkeypatch.setattr(ensemble, "MEMBERS", {"boosting_squared": small})
    store = open_store(f"file:{tmp_path}")
    card = train(history, Registry(store, KEY), seed=5, search_seconds=0.001, trials=store).card
    assert card.facts["seed"] == 5
    found = card.facts["search"]
    assert found["trials"] == 1
    assert found["members"]["boosting_squared"]["parameters"] == {}  # the defaults are tried first
    assert len(store.list("search/")) == 1


def test_progress_ends_at_one_and_never_goes_back(first: First) -> None:
    assert first.told == sorted(first.told)
    assert first.told[-1] == 1.0
