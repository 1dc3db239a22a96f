"""Settings of the whole test run, and which worker runs what."""

import os
import sys

# Before numpy is imported: OpenMP threads of several test workers would compete for the same cores, and
# spin while they wait.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["GX_ANALYTICS_ENABLED"] = "false"
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import gc
import logging
from collections import Counter
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.databases import Databases, PostgresDatabases, PostgresServer, SqliteFiles, postgres_server

gc.disable()  # until everything is imported
gc.set_threshold(20_000, 20, 50)

# Where bytecode is off, each of some hundred processes that tests start would compile what it imports.
sys.dont_write_bytecode = False

# How long an example takes says how busy the machine is, and nothing about what it shows.
settings.register_profile("axieflip", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("axieflip")


_SHARED = {
    ("/test_template.py", "/test_tasks_in_the_stack.py"): "a stack on AWS",
    # Its import takes two seconds of each worker that needs it.
    ("/test_validation.py", "/test_given.py", "/test_collected.py"): "great expectations",
}


class _ByCost(LoadScopeScheduling):
    """Tests that share something dear go to one worker; every other test module is a unit of its own.

    xdist's own groups rely on node ids that pytest 9.2 no longer lets a plugin change.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if "/e2e/" in path and not path.endswith("test_demo.py"):
            return "a trained model and its market"
        return next((shared for ends, shared in _SHARED.items() if path.endswith(ends)), path)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which database the tests stand on."""
    parser.addoption(
        "--postgres",
        action="store_true",
        help="run the tests that need a database, and no others, on a real PostgreSQL server",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest first, so that no worker is left alone with them at the end."""
    sizes = Counter(_module(item) for item in items)
    items.sort(key=lambda item: (_rank(item), -sizes[_module(item)], _module(item)))
    postgres = config.getoption("--postgres")
    left_out = [item for item in items if not _fits(item, postgres)]
    if left_out:
        items[:] = [item for item in items if _fits(item, postgres)]
        config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish(session: pytest.Session) -> None:
    """A million imported objects stay to the end: the garbage collector need not walk them all the time."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_unconfigure(config: pytest.Config) -> None:
    """At the end of the process nothing is looked through for garbage: all of it goes."""
    gc.freeze()


def _module(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _rank(item: pytest.Item) -> int:
    """Whole processes come first, then what trains models; of the rest, the modules of many tests."""
    dear = ("/e2e/", "/models/", "/backtest/", "test_training.py", "test_promotion.py", "test_report.py")
    return next((rank for rank, part in enumerate(dear) if part in _module(item)), len(dear))


def _fits(item: pytest.Item, postgres: bool) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    if not postgres:
        return "postgres" not in fixtures
    return bool({"databases", "postgres"} & set(fixtures)) and item.get_closest_marker("sqlite") is None


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Which worker gets which tests, when there are several."""
    return _ByCost(config, log)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server; what asks for it by name runs with `--postgres` alone."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """Where this run's databases come from."""
    if request.config.getoption("--postgres"):
        return PostgresDatabases(request.getfixturevalue("postgres"))
    return SqliteFiles(tmp_path_factory.mktemp("migrated"))


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A database of the test's own, at the newest schema and empty."""
    with databases.fresh() as url:
        yield url


def _plain_log() -> None:
    """The log of who configures none: a traceback with the values of all variables takes half a second."""
    plain = structlog.dev.plain_traceback
    structlog.reset_defaults()
    *first, _ = structlog.get_config()["processors"]
    structlog.configure(processors=[*first, structlog.dev.ConsoleRenderer(exception_formatter=plain)])


_plain_log()


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """A command that is run within a test sends the log to that test's streams, and looks for garbage seldom;
    the next test has its own log, and its garbage as before.
    """
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    _plain_log()
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if type(handler).__module__ == "bot.log":
            root.removeHandler(handler)
            root.setLevel(logging.WARNING)
