"""The search for parameters: candidates follow from the seed, time is a budget, trials are kept."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import ensemble, members
from models.members import MEMBERS, MOST_LEAVES
from models.rows import Rows, prepare
from models.search import SPACES, Found, candidate, search
from tests.models.conftest import make_rows
from tests.models.test_registry import Memory


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Boosted members alone, of few trees by default, so that every candidate is cheap."""

    def few(loss: str) -> members.Factory:
        return lambda categories, seed: members.boosting(
            categories, seed, loss, max_iter=6, max_leaf_nodes=12, learning_rate=0.02
        )

    with pytest.MonkeyPatch.context() as patch:
        made = {"boosting_absolute": few("absolute_error"), "boosting_squared": few("squared_error")}
        patch.setattr(ensemble, "MEMBERS", made)
        yield


@pytest.fixture(scope="module")
def rows() -> Rows:
    return make_rows(500)


def ticking() -> Callable[[], float]:
    """A clock on which a batch of trials takes one second."""
    ticks = itertools.count()
    return lambda: float(next(ticks))


@pytest.fixture(scope="module")
def whole(rows: Rows) -> Found:
    """What a search of eight trials finds."""
    return search(rows, seconds=4.0, seed=3, now=ticking())


def test_what_is_found_is_no_worse_than_the_defaults(whole: Found) -> None:
    found = whole
    assert found.facts["trials"] == 8
    assert found.overrides
    for name, told in found.facts["members"].items():
        assert told["error"] <= told["default_error"]
        assert told["parameters"] == found.overrides.get(name, {})


def test_an_interrupted_search_goes_on_and_a_finished_one_ends_at_once(rows: Rows, whole: Found) -> None:
    store = Memory()
    search(rows, seconds=2.0, seed=3, store=store, now=ticking())
    (key,) = store
    assert key.startswith("search/")
    assert len(store[key].splitlines()) == 4
    found = search(rows, seconds=4.0, seed=3, store=store, now=ticking())
    assert (found.overrides, found.facts) == (whole.overrides, whole.facts)
    done = store[key]
    assert [json.loads(line)["trial"] for line in done.splitlines()] == list(range(8))

    def stopped() -> float:
        raise AssertionError("there is nothing left to try")

    assert search(rows, seconds=4.0, seed=3, store=store, now=stopped) == found
    assert store[key] == done


def test_a_trial_whose_line_was_cut_short_is_done_again(rows: Rows) -> None:
    store = Memory()
    search(rows, seconds=1.0, seed=3, store=store, now=ticking())
    (key,) = store
    kept = [json.loads(line)["error"] for line in store[key].splitlines()]
    store[key] = store[key][:-5]
    search(rows, seconds=1.0, seed=3, store=store, now=ticking())
    assert [json.loads(line)["error"] for line in store[key].splitlines()][:2] == kept


def test_other_rows_or_another_seed_are_another_search(rows: Rows) -> None:
    store = Memory()
    search(rows, seconds=1.0, store=store, now=ticking())
    search(rows, seconds=1.0, seed=1, store=store, now=ticking())
    search(make_rows(501), seconds=1.0, store=store, now=ticking())
    assert len(store) == 3


@pytest.mark.parametrize("stored", [b"\xff", b"[]\n", b'{"trial": 0, "error": NaN, "seconds": 1}', b"7\n{"])
def test_trials_that_make_no_sense_are_done_again(rows: Rows, stored: bytes) -> None:
    store = Memory()
    search(rows, seconds=0.5, seed=3, store=store, now=ticking())
    (key,) = store
    kept, store[key] = store[key], stored
    search(rows, seconds=0.5, seed=3, store=store, now=ticking())
    assert store[key] == kept


def test_without_time_nothing_is_tried(rows: Rows) -> None:
    found = search(rows, seconds=0.0)
    assert (found.overrides, found.facts["trials"]) == ({}, 0)


@given(number=st.integers(0, 10_000), seed=st.integers(0, 2**32), name=st.sampled_from(sorted(SPACES)))
def test_candidates_follow_from_the_seed_and_are_no_dearer_than_the_defaults(
    number: int, seed: int, name: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "MEMBERS", MEMBERS)
        found = candidate(TASK, name, number, seed)
        assert found == candidate(TASK, name, number, seed)
        made = ensemble.make_member(name, 2, 0, {name: found}).get_params()  # type: ignore[attr-defined]
        usual = ensemble.make_member(name, 2, 0, {}).get_params()  # type: ignore[attr-defined]
    assert bool(found) == (number > 0)
    assert _asked(made) <= _asked(usual)
    if "max_leaf_nodes" in made:
        assert 2 <= made["max_leaf_nodes"] <= MOST_LEAVES
        assert 0 < made["max_features"] <= 1
        assert made["min_samples_leaf"] >= 1


def _asked(parameters: dict[str, Any]) -> int:
    """What of a member's parameters makes a row dear: its leaves, or the rows that it keeps."""
    trees = parameters.get("max_iter") or parameters.get("n_estimators") or 0
    leaves = parameters.get("max_leaf_nodes")
    return int(trees * leaves if leaves else parameters.get("newest", 0))


@pytest.mark.parametrize("name", sorted(set(SPACES) - {"boosting_absolute", "boosting_squared"}))
def test_each_kind_of_member_is_searched(name: str, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble, "MEMBERS", {name: MEMBERS[name]})
    found = search(rows, seconds=8.0, seed=3, now=ticking())
    told = found.facts["members"][name]
    assert found.facts["trials"] == 8
    assert 0 < told["error"] < told["default_error"]
    assert found.overrides == {name: told["parameters"]}


TASK = prepare(make_rows(500))
