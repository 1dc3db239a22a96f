"""A training on a Dask cluster: two worker processes, and the numbers of a single one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from models import ensemble
from models.cluster import spread
from models.ensemble import fit
from models.members import MEMBERS
from models.rows import TrainingError
from tests.clusters import steps, two_workers
from tests.models.conftest import make_rows

distributed = pytest.importorskip("distributed")


# Workers are processes of their own: they know the members by name, and their parameters by what is sent.
NAMES = ("boosting_absolute", "linear")
SMALL = {"boosting_absolute": {"max_iter": 15, "max_leaf_nodes": 12}}


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with two_workers() as address:
        yield address


def test_two_workers_give_the_numbers_of_one_process(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensemble, "MEMBERS", {name: MEMBERS[name] for name in NAMES})
    rows = make_rows(700)
    here = fit(rows, n_jobs=1, overrides=SMALL)
    with spread(cluster):
        client = distributed.get_client()
        before = client.run(steps)
        there = fit(rows, n_jobs=-1, overrides=SMALL)
        after = client.run(steps)
    assert len(after) == 2
    assert all(after[worker] > before[worker] for worker in after)
    assert there.metrics == here.metrics
    assert there.ensemble.weights == here.ensemble.weights
    np.testing.assert_array_equal(there.forecast, here.forecast)
    np.testing.assert_array_equal(there.ensemble.predict(rows.X), here.ensemble.predict(rows.X))


def test_no_scheduler_and_no_address_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.cluster.PATIENCE_S", 0.3)
    for address, words in (("10.0.0.1:8786", "tcp://host:8786"), ("tcp://127.0.0.1:9", "no Dask scheduler")):
        with pytest.raises(TrainingError, match=words), spread(address):
            pass
