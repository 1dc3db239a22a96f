"""A version serves only if it still computes what was trained, by its compiled copy or by its members."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from models.compiled import Compiled, Encoding, Linear, Neighbours, Net
from models.distribution import Residuals
from models.originals import Originals
from models.quick import QuickTrees
from models.registry import FORMAT, Registry, RegistryError
from models.serving import Ensemble
from pipeline.appraisal.flips import Flips
from pipeline.appraisal.selling import Selling
from pipeline.loading import load_appraiser
from pipeline.objects import LocalStore
from tests.models.conftest import Bomb
from tests.pipeline.appraisal.history import events, table
from tests.trainings import train

KEY = b"a key of sixteen+"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, light_members: None) -> Registry:
    registry = Registry(LocalStore(tmp_path_factory.mktemp("store")), KEY)
    train(table(events(1200)), registry)
    return registry


def spoil(registry: Registry, name: str, change: Callable[[Compiled], object], **kept: Any) -> str:
    """Sign a copy of the champion whose compiled members were changed; `members` are its own by default."""
    champion = registry.champion()
    card, artefact = registry.load(champion)
    ensemble: Ensemble = artefact["ensemble"]
    assert isinstance(ensemble.compiled, Compiled)
    spoilt = replace(ensemble, compiled=change(ensemble.compiled))
    members = kept["members"] if "members" in kept else registry.members(champion)
    registry.save(name, {**artefact, "ensemble": spoilt}, card.facts, members)
    return name


def shifted(compiled: Compiled) -> Compiled:
    return replace(compiled, offset=compiled.offset + 1e-9)


STORED = (
    Originals,
    Ensemble,
    Compiled,
    Encoding,
    Linear,
    Net,
    Neighbours,
    QuickTrees,
    Flips,
    Selling,
    Residuals,
)


def test_nobody_changes_the_fields_of_a_stored_class_unawares() -> None:
    shapes = {cls.__qualname__: [(field.name, field.type) for field in fields(cls)] for cls in STORED}
    digest = hashlib.sha256(json.dumps(shapes, sort_keys=True).encode()).hexdigest()[:12]
    # Whoever changes them raises FORMAT, or versions that are stored already break when they serve.
    assert (FORMAT, digest) == (4, "b9a7c48934b3")


def torn(compiled: Compiled) -> Compiled:
    """Of each part, the first array is cut in half."""
    parts = []
    for part in compiled.parts:
        name = next(n for n in part.__slots__ if isinstance(getattr(part, n), np.ndarray))  # type: ignore[attr-defined]
        parts.append(replace(part, **{name: getattr(part, name)[: len(getattr(part, name)) // 2]}))  # type: ignore[type-var]
    return replace(compiled, parts=tuple(parts))


def unknowing(compiled: Compiled) -> Compiled:
    return replace(compiled, offset=compiled.offset * np.nan)


def gone(compiled: Compiled) -> None:
    return None


@pytest.mark.parametrize("change", [shifted, torn, unknowing, gone])
def test_where_the_compiled_copy_computes_something_else_the_members_serve_and_the_log_says_so(
    trained: Registry, change: Callable[[Compiled], object]
) -> None:
    _, right = load_appraiser(trained)
    version = spoil(trained, f"spoilt-{change.__name__}", change)
    with capture_logs() as logs:
        card, served = load_appraiser(trained, version)
    assert (card.version, served.version) == (version, version)
    assert right.ensemble.is_compiled
    assert not served.ensemble.is_compiled
    (warning,) = logs
    assert (warning["log_level"], warning["version"]) == ("warning", version)
    assert "retrain" in warning["event"]
    assert warning["off_by"] == (pytest.approx(1e-9, rel=1e-3) if change is shifted else np.inf)
    rng = np.random.default_rng(1)
    X = right.ensemble.probes[rng.integers(0, 64, 200)] * rng.uniform(0.9, 1.1, (200, 1))
    X[:, :9] = np.round(X[:, :9])
    for ours, theirs in zip(served.ensemble.forecast(X), right.ensemble.forecast(X), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_a_version_whose_members_answer_wrongly_too_is_refused(trained: Registry) -> None:
    (first, *rest) = trained.members(trained.champion()).members
    doubled = Originals(((first[0] * 2, first[1]), *rest))
    version = spoil(trained, "both", shifted, members=doubled)
    with pytest.raises(RegistryError, match=r"off by 1e-09.*nor do its members.*retrain"):
        load_appraiser(trained, version)


def test_a_version_of_which_no_members_were_kept_is_refused(trained: Registry) -> None:
    version = spoil(trained, "alone", shifted, members=None)
    with pytest.raises(RegistryError, match=r"no longer computes.*were not kept: retrain"):
        load_appraiser(trained, version)


@pytest.mark.parametrize("attack", ["another's", "cut", "lost"])
def test_members_that_were_not_signed_with_the_version_are_never_unpickled(
    trained: Registry, tmp_path: Path, attack: str
) -> None:
    version, store = spoil(trained, f"attacked-{attack[:3]}", torn), trained._store
    bomb = Bomb(str(tmp_path / "boom"))
    trained.save(f"bomb-{attack[:3]}", None, {}, bomb)
    whole = store.get(f"models/{version}/members.joblib")
    key = f"models/{version}/members.joblib"
    match attack:
        case "another's":
            store.put(key, store.get(f"models/bomb-{attack[:3]}/members.joblib").ljust(len(whole), b"\0"))
        case "cut":
            store.put(key, whole[:-9])
        case _:
            store.delete(key)  # type: ignore[attr-defined]
    with pytest.raises(RegistryError, match=r"not the one signed|bytes are there|has no second artefact"):
        load_appraiser(trained, version)
    assert not (tmp_path / "boom").exists()
    if attack == "another's":  # the bomb goes off where it is let
        trained.members("bomb-ano")
        assert (tmp_path / "boom").exists()


def test_members_of_another_scikit_learn_are_refused_by_name(
    trained: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = trained.members(trained.champion())
    with monkeypatch.context() as patch:
        patch.setattr("models.registry._of_members", lambda: {"scikit-learn": "1.2.0"})
        version = spoil(trained, "older", shifted, members=own)
    with pytest.raises(RegistryError, match=r"scikit-learn 1\.2\.0"):
        load_appraiser(trained, version)


def test_scikit_learn_is_imported_only_where_its_members_serve(trained: Registry) -> None:
    version, store = spoil(trained, "loud", shifted), trained._store
    assert isinstance(store, LocalStore)
    code = (
        "import sys\n"
        "from models.registry import Registry\n"
        "from pipeline.loading import load_appraiser\n"
        "from pipeline.objects import LocalStore\n"
        "from pathlib import Path\n"
        f"registry = Registry(LocalStore(Path({str(store.root)!r})), {KEY!r})\n"
        f"for version in (registry.champion(), {version!r}):\n"
        "    load_appraiser(registry, version)\n"
        "    sys.stderr.write(f\"{'sklearn' in sys.modules};\")\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    assert said == "False;True;"
