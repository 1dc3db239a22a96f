"""Where the heavy work of a training runs: on this machine, or on a Dask cluster.

Folds, members and trials go through joblib, so one setting moves all of them. The cluster's workers need
this program installed, in the versions of here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from joblib import parallel_config

from models.rows import TrainingError

SCHEMES = ("tcp://", "tls://", "ucx://", "ws://", "wss://", "inproc://")
PATIENCE_S = 10


@contextmanager
def spread(address: str | None) -> Iterator[None]:
    """Run what goes through joblib on the cluster whose scheduler listens at an address; None is here.

    Raises TrainingError where nothing answers, or where the packages for it are missing.
    """
    if address is None:
        yield
        return
    if not address.startswith(SCHEMES):
        raise TrainingError(f"{address!r} is no address of a Dask scheduler: tcp://host:8786 would be one")
    try:
        from distributed import Client
    except ImportError as error:
        raise TrainingError(
            "a Dask cluster needs the extra `scale`: pip install 'axieflip[scale]'"
        ) from error
    try:
        client = Client(address, timeout=PATIENCE_S, set_as_default=True)
    except (OSError, ValueError, TimeoutError) as error:
        raise TrainingError(f"no Dask scheduler answers at {address}: start it, or train without") from error
    with client:
        if not client.scheduler_info()["workers"]:
            raise TrainingError(f"the Dask scheduler at {address} has no workers: start some")
        with parallel_config(backend="dask"):
            yield
