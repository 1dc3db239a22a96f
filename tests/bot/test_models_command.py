"""`axieflip model` as its user meets it: what it prints, and that a mistake leaves the champion in place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.cli import app
from bot.errors import AxieflipError
from models import ensemble, registry
from models.members import MEMBERS
from models.registry import Registry
from pipeline.objects import LocalStore
from tests.pipeline.appraisal.history import events, table
from tests.trainings import train

KEY = "a key of sixteen+"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the versions v1, v2 and v3, which were champions in this order."""
    folder = tmp_path_factory.mktemp("trained")
    held = Registry(LocalStore(folder), KEY.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ensemble, "MEMBERS", {"linear": MEMBERS["linear"]})
        card, artefact = held.load(train(table(events(1000)), held).card.version)
    shutil.rmtree(folder / "models")
    for version in ("v1", "v2", "v3"):
        held.save(version, artefact, card.facts)
        held.promote(version)
    return folder


@pytest.fixture
def store(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "store"
    shutil.copytree(trained, folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OBJECT_STORE", f"file:{folder}")
    monkeypatch.setenv("MODEL_SIGNING_KEY", KEY)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("bot.log.configure", lambda _settings: None)  # the tests' own logging stays
    return folder


def model(*words: str) -> Result:
    return CliRunner().invoke(app, ["model", *words])


def refused(*words: str) -> str:
    """The sentence that a mistake is answered with."""
    result = model(*words)
    assert isinstance(result.exception, AxieflipError), result.exception
    assert result.stdout == ""
    return str(result.exception)


def champion(folder: Path) -> str:
    return Registry(LocalStore(folder), KEY.encode()).champion()


def test_the_list_shows_what_serves_and_what_did(store: Path) -> None:
    result = model("list")
    assert result.exit_code == 0, result.exception
    lines = {line.split()[1]: line for line in result.stdout.splitlines() if "│ v" in line}
    assert list(lines) == ["v3", "v2", "v1"]
    assert "champion" in lines["v3"]
    assert "former" in lines["v2"]
    assert "1,000" in lines["v1"]
    listed = json.loads(model("list", "--json").stdout)
    assert [row["state"] for row in listed] == ["champion", "former", "former"]


def test_one_version_is_shown_in_full_and_the_champion_where_none_is_named(store: Path) -> None:
    shown = model("show", "v2").stdout
    for words in (
        "Model v2",
        "former",
        "its compiled copy",
        "1,000",
        "linear",
        "median error",
        "Judged on",
        "time of a sale",
    ):
        assert words in shown
    card = json.loads(model("show", "--json").stdout)
    assert (card["version"], card["state"], card["flaw"]) == ("v3", "champion", None)


def test_a_version_is_promoted_and_rolled_back_from(store: Path) -> None:
    assert "v1 is the champion now in place of v3" in model("promote", "v1").stdout
    assert champion(store) == "v1"
    assert "v3 is the champion again in place of v1" in model("rollback").stdout
    assert champion(store) == "v3"
    assert "v2 is the champion again" in model("rollback").stdout
    assert "serves already" in refused("promote", "v2")


@pytest.mark.parametrize("name", ["v9", "../v1"])
def test_what_is_not_there_is_a_sentence(store: Path, name: str) -> None:
    for command in ("show", "promote"):
        assert refused(command, name)
    assert champion(store) == "v3"


def test_an_empty_store_says_how_to_get_a_model(store: Path) -> None:
    shutil.rmtree(store)
    assert "axieflip train" in refused("list")
    assert "axieflip train" in refused("show")
    assert "axieflip train" in refused("rollback")
    assert json.loads(model("list", "--json").stdout) == []


def test_whatever_is_wrong_with_a_version_has_its_own_error_and_the_champion_stays(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Registry(LocalStore(store), KEY.encode())
    card, artefact = held.load("v1")
    Registry(LocalStore(store), b"somebody else's key").save("unsigned", artefact, card.facts)
    with monkeypatch.context() as patch:
        patch.setattr(registry, "_libraries", lambda: {"numpy": "1.26.0"})
        held.save("foreign", artefact, card.facts)
    with monkeypatch.context() as patch:
        patch.setattr(registry, "FORMAT", 0)
        held.save("old", artefact, card.facts)
    held.save("short", artefact, card.facts)
    cut = store / "models/short/model.joblib"
    cut.write_bytes(cut.read_bytes()[:-100])
    held.save("other", {"no": "model"}, card.facts)
    expected = {
        "unsigned": "not signed with this key",
        "foreign": "numpy 1.26.0",
        "old": "has format 0",
        "short": "bytes are there",
        "other": "cannot serve here",
    }
    for version, words in expected.items():
        assert words in refused("promote", version)
        assert champion(store) == "v3"
    listed = {row["version"]: row["flaw"] for row in json.loads(model("list", "--json").stdout)}
    for version in ("unsigned", "foreign", "old"):
        assert expected[version] in listed[version]


def test_a_rollback_passes_over_what_cannot_serve(store: Path) -> None:
    cut = store / "models/v2/model.joblib"
    cut.write_bytes(cut.read_bytes()[:-100])
    assert "v1 is the champion again" in model("rollback").stdout
    assert "no champion before v1" in refused("rollback").lower()
    assert champion(store) == "v1"
