"""A model that was not signed with our key is never unpickled, whoever put it there and however."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import joblib
import pytest

from bot.services.predictor import Predictor
from models.registry import Registry, RegistryError
from pipeline.clock import ManualClock
from pipeline.objects import LocalStore
from tests.bot.factories import NOON
from tests.security.conftest import KEY

THEIRS = b"a key of somebody else"


class Bomb:
    """Unpickling it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.open, (self.path, os.O_CREAT | os.O_WRONLY)


def packed(bomb: Bomb) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(bomb, buffer)
    return buffer.getvalue()


def unsigned(store: LocalStore, version: str, bomb: Bomb) -> str:
    Registry(store, THEIRS).save("evil", bomb, {})
    store.delete("models/evil/signature")
    return "evil"


def wrongly_signed(store: LocalStore, version: str, bomb: Bomb) -> str:
    Registry(store, THEIRS).save("evil", bomb, {})
    Registry(store, THEIRS).promote("evil")
    return "evil"


def named_by_us_but_signed_by_them(store: LocalStore, version: str, bomb: Bomb) -> str:
    for part in ("card.json", "model.joblib", "signature"):
        store.delete(f"models/{version}/{part}")
    Registry(store, THEIRS).save(version, bomb, {})
    return version


def in_place_of_the_artefact(store: LocalStore, version: str, bomb: Bomb) -> str:
    store.put(f"models/{version}/model.joblib", packed(bomb))
    return version


def with_a_card_that_fits(store: LocalStore, version: str, bomb: Bomb) -> str:
    data = packed(bomb)
    card = json.loads(store.get(f"models/{version}/card.json"))
    card |= {"digest": hashlib.sha256(data).hexdigest(), "size": len(data)}
    store.put(f"models/{version}/card.json", json.dumps(card, indent=2, sort_keys=True).encode())
    store.put(f"models/{version}/model.joblib", data)
    return version


def of_the_same_length(store: LocalStore, version: str, bomb: Bomb) -> str:
    size = json.loads(store.get(f"models/{version}/card.json"))["size"]
    store.put(f"models/{version}/model.joblib", packed(bomb).ljust(size, b"\0")[:size])
    return version


def truncated(store: LocalStore, version: str, bomb: Bomb) -> str:
    Registry(store, KEY).save("torn", bomb, {})
    data = store.get("models/torn/model.joblib")
    store.put("models/torn/model.joblib", data + b"\0")  # the whole pickle, and a torn end
    return "torn"


ATTACKS = (
    unsigned,
    wrongly_signed,
    named_by_us_but_signed_by_them,
    in_place_of_the_artefact,
    with_a_card_that_fits,
    of_the_same_length,
    truncated,
)


@pytest.fixture
def store(registry: Registry, tmp_path: Path) -> LocalStore:
    """A copy of the store with the small champion."""
    ours = registry._store
    assert isinstance(ours, LocalStore)
    return LocalStore(Path(shutil.copytree(ours.root, tmp_path / "store")))


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_pickle_that_we_did_not_sign_never_runs(
    store: LocalStore, tmp_path: Path, attack: Callable[[LocalStore, str, Bomb], str]
) -> None:
    registry, bomb = Registry(store, KEY), Bomb(tmp_path / "boom")
    version = registry.champion()
    target = attack(store, version, bomb)
    registry = Registry(store, KEY)
    with pytest.raises(RegistryError):
        registry.load(target)
    predictor = Predictor(registry, ManualClock(NOON), 0.007)
    if attack is not unsigned and attack is not truncated:  # those never got to be the champion
        with pytest.raises(RegistryError):
            await predictor.refresh()
        assert predictor.version is None
    for steer in (lambda: registry.promote(target), lambda: registry.rollback()):
        with suppress(RegistryError):
            steer()
        with suppress(RegistryError):  # what is left to serve may be the genuine one
            registry.load(registry.champion())
    assert not Path(bomb.path).exists()


def test_the_bomb_of_these_tests_goes_off_where_it_is_let(store: LocalStore, tmp_path: Path) -> None:
    Registry(store, KEY).save("ours", Bomb(tmp_path / "boom"), {})
    Registry(store, KEY).load("ours")
    assert (tmp_path / "boom").exists()
