from collections.abc import Iterator

import pytest

from models import ensemble
from models.members import MEMBERS


@pytest.fixture(scope="module")
def light_members() -> Iterator[None]:
    """Two quick members instead of six: for tests of what surrounds the ensemble."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "MEMBERS", {name: MEMBERS[name] for name in ("linear", "random_forest")})
        yield
