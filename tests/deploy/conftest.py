"""One AWS on loopback with one stack, for tests of the template and of its tasks, which fill its secrets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deploy.aws import Aws, Stack, served


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes a minute is for `make cloud-check`."""
    if not config.option.markexpr:
        for item in items:
            if item.get_closest_marker("cloud"):
                item.add_marker(pytest.mark.skip(reason="make cloud-check runs it"))


@pytest.fixture(scope="session")
def aws() -> Iterator[Aws]:
    with served() as found:
        yield found


@pytest.fixture(scope="session")
def stack(aws: Aws) -> Stack:
    return Stack(aws, AlarmEmail="operator@example.org")
