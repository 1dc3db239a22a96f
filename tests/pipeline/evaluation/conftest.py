from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits

from models import ensemble
from models.members import MEMBERS


@pytest.fixture(scope="package", autouse=True)
def light() -> Iterator[None]:
    """Two members instead of all, on one thread each: a walk trains again and again."""
    with pytest.MonkeyPatch.context() as patch, threadpool_limits(limits=1):
        patch.setattr(ensemble, "MEMBERS", {name: MEMBERS[name] for name in ("linear", "random_forest")})
        yield
