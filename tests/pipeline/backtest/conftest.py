"""A made-up market in which axies are sold again and again at what their build is worth, give or take."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from models import ensemble
from models.members import MEMBERS
from tests.pipeline.appraisal.history import events, table

COUNT = 1400  # nearly six days


@pytest.fixture(scope="package", autouse=True)
def light() -> Iterator[None]:
    """One quick member on one thread: a walk trains again and again."""
    with pytest.MonkeyPatch.context() as patch, threadpool_limits(limits=1):
        patch.setattr(ensemble, "MEMBERS", {"linear": MEMBERS["linear"]})
        yield


@pytest.fixture(scope="package")
def frame() -> pd.DataFrame:
    """Sales of axies of 40 builds, five of each build, of which the common ones are sold often."""
    sales = table(events(COUNT))
    build = sales.groupby(["class", "eyes", "ears", "mouth", "horn", "back", "tail"])
    return sales.assign(axie_id=10 * build.ngroup() + build.cumcount() % 5)


@pytest.fixture(scope="package")
def path(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sales") / "sales.csv.gz"
    frame.to_csv(path, index=False)
    return path
