"""A real Dask cluster on this machine, and how much each of its workers has done."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def two_workers() -> Iterator[str]:
    """The address of a scheduler with two workers of one thread each; skips where Dask is missing."""
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
        ) as made:
            yield made.scheduler_address


def steps(dask_worker: Any) -> int:
    """How much a worker has done, for `Client.run`."""
    return int(dask_worker.state.transition_counter)
