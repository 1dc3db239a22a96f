import hashlib
import hmac
import io
import json
from pathlib import Path

import joblib
import pytest

from models.registry import BadSignature, ForeignFormat, NoSuchVersion, Registry, RegistryError
from tests.models.conftest import Bomb

KEY = b"0123456789abcdef"


class Memory(dict[str, bytes]):
    """The smallest object store: a dictionary."""

    def get(self, key: str) -> bytes:  # type: ignore[override]
        return self[key]

    def put(self, key: str, data: bytes) -> None:
        self[key] = data

    def get_tagged(self, key: str) -> tuple[bytes, str]:
        return self[key], hashlib.sha256(self[key]).hexdigest()

    def put_if(self, key: str, data: bytes, tag: str | None) -> bool:
        if (self.get_tagged(key)[1] if key in self else None) != tag:
            return False
        self[key] = data
        return True

    def list(self, prefix: str) -> list[str]:
        return sorted(key for key in self if key.startswith(prefix))


@pytest.fixture
def store() -> Memory:
    return Memory()


@pytest.fixture
def registry(store: Memory) -> Registry:
    return Registry(store, KEY)


def test_what_was_saved_is_loaded_with_its_card(registry: Registry) -> None:
    registry.save("v1", {"weights": [1, 2, 3]}, {"rows": 10})
    card, artefact = registry.load("v1")
    assert artefact == {"weights": [1, 2, 3]}
    assert (card.version, card.facts) == ("v1", {"rows": 10})
    assert registry.versions() == ["v1"]


def test_the_champion_is_whatever_was_promoted_last(registry: Registry) -> None:
    with pytest.raises(NoSuchVersion, match="axieflip train"):
        registry.champion()
    registry.save("v1", 1, {})
    registry.save("v2", 2, {})
    registry.promote("v2")
    assert registry.champion() == "v2"
    registry.promote("v1")
    assert registry.champion() == "v1"


def test_a_pickle_put_in_place_of_the_artefact_is_never_unpickled(
    registry: Registry, store: Memory, tmp_path: Path
) -> None:
    registry.save("v1", "harmless", {})
    buffer = io.BytesIO()
    joblib.dump(Bomb(str(tmp_path / "boom")), buffer)
    store["models/v1/model.joblib"] = buffer.getvalue()
    with pytest.raises(BadSignature):
        registry.load("v1")
    assert not (tmp_path / "boom").exists()


def test_a_card_that_was_changed_to_match_another_artefact_is_refused(
    registry: Registry, store: Memory
) -> None:
    registry.save("v1", "a", {})
    registry.save("v2", "b", {})
    store["models/v1/model.joblib"] = store["models/v2/model.joblib"]
    card = json.loads(store["models/v1/card.json"]) | {
        name: json.loads(store["models/v2/card.json"])[name] for name in ("digest", "size")
    }
    store["models/v1/card.json"] = json.dumps(card).encode()
    with pytest.raises(BadSignature, match="MODEL_SIGNING_KEY"):
        registry.load("v1")


def test_another_key_opens_nothing(registry: Registry, store: Memory) -> None:
    registry.save("v1", "a", {})
    with pytest.raises(BadSignature):
        Registry(store, b"another key of 16+").load("v1")


@pytest.mark.parametrize("lost", ["signature", "card.json", "model.joblib"])
def test_a_half_written_version_is_not_there(registry: Registry, store: Memory, lost: str) -> None:
    registry.save("v1", "a", {})
    del store[f"models/v1/{lost}"]
    with pytest.raises(NoSuchVersion):
        registry.load("v1")


def test_a_truncated_artefact_is_refused(registry: Registry, store: Memory) -> None:
    registry.save("v1", "a" * 1000, {})
    store["models/v1/model.joblib"] = store["models/v1/model.joblib"][:-1]
    with pytest.raises(BadSignature, match="damaged"):
        registry.load("v1")


def test_a_version_of_foreign_libraries_names_them(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.registry._libraries", lambda: {"python": "3.11", "numpy": "1.26.0"})
    registry.save("v1", "a", {})
    monkeypatch.undo()
    with pytest.raises(ForeignFormat, match=r"numpy 1\.26\.0"):
        registry.load("v1")


def test_a_version_that_is_not_signed_with_our_key_cannot_be_promoted(
    registry: Registry, store: Memory
) -> None:
    Registry(store, b"somebody else's key").save("v1", "a", {})
    with pytest.raises(BadSignature):
        registry.promote("v1")


@pytest.mark.parametrize("name", ["", "../v1", "a/b", "a..b", ".hidden", "x" * 65])
def test_a_version_name_cannot_leave_its_folder(registry: Registry, name: str) -> None:
    with pytest.raises(RegistryError):
        registry.load(name)


def test_a_short_key_is_no_key(store: Memory) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Registry(store, b"short")


def test_a_signature_of_arbitrary_bytes_is_a_bad_one(registry: Registry, store: Memory) -> None:
    registry.save("v1", 1, {})
    store["models/v1/signature"] = b"\xff\xfe" * 32
    with pytest.raises(BadSignature, match="not signed"):
        registry.load("v1")


def test_an_older_version_cannot_pass_for_a_newer_one(registry: Registry, store: Memory) -> None:
    registry.save("v1", 1, {})
    registry.save("v2", 2, {})
    for part in ("card.json", "model.joblib", "signature"):
        store[f"models/v2/{part}"] = store[f"models/v1/{part}"]
    with pytest.raises(BadSignature, match="v1"):
        registry.load("v2")


@pytest.mark.parametrize(
    "record", [b"{", b"[]", b"{}", b'{"version": 3, "signature": 4}', b"[" * 100_000, b"\xff"]
)
def test_a_champion_record_that_makes_no_sense_is_a_sentence(
    registry: Registry, store: Memory, record: bytes
) -> None:
    store["models/champion.json"] = record
    with pytest.raises(RegistryError, match="retrain"):
        registry.champion()


@pytest.mark.parametrize(
    "changed", [{"version": "v1"}, {"promoted_at": "2099-01-01T00:00:00+00:00"}, {"signature": "\u00ff" * 64}]
)
def test_who_does_not_hold_the_key_cannot_name_a_champion_or_its_time(
    registry: Registry, store: Memory, changed: dict[str, str]
) -> None:
    registry.save("v1", 1, {})
    registry.save("v2", 2, {})
    registry.promote("v2")
    record = json.loads(store["models/champion.json"]) | changed
    store["models/champion.json"] = json.dumps(record).encode()
    with pytest.raises(BadSignature, match="not signed"):
        registry.champion()


def test_a_rollback_goes_back_one_champion_at_a_time(registry: Registry) -> None:
    for version in ("v1", "v2", "v3"):
        registry.save(version, 1, {})
        registry.promote(version)
    registry.promote("v3")  # what is champion already is not its own predecessor
    assert registry.former() == ["v1", "v2"]
    assert registry.rollback() == registry.champion() == "v2"
    registry.promote("v3")
    assert registry.former() == ["v1", "v2"]
    assert [registry.rollback(), registry.rollback()] == ["v2", "v1"]
    with pytest.raises(NoSuchVersion, match="before v1"):
        registry.rollback()
    assert registry.champion() == "v1"


def test_a_rollback_passes_over_what_can_no_longer_serve(registry: Registry, store: Memory) -> None:
    for version in ("v1", "v2", "v3"):
        registry.save(version, 1, {})
        registry.promote(version)
    store["models/v2/card.json"] = store["models/v2/card.json"].replace(b'"size"', b'"Size"')
    assert registry.rollback() == "v1"


def test_who_does_not_hold_the_key_cannot_name_a_former_champion(registry: Registry, store: Memory) -> None:
    for version in ("v1", "v2"):
        registry.save(version, 1, {})
        registry.promote(version)
    record = json.loads(store["models/champion.json"]) | {"before": ["v2"]}
    store["models/champion.json"] = json.dumps(record).encode()
    with pytest.raises(BadSignature):
        registry.rollback()


def test_a_champion_of_before_there_were_rollbacks_is_known_and_has_no_predecessor(
    registry: Registry, store: Memory
) -> None:
    registry.save("v1", 1, {})
    registry.promote("v1")
    record = json.loads(store["models/champion.json"])
    del record["before"]
    store["models/champion.json"] = json.dumps(record).encode()
    assert registry.champion() == "v1"
    assert registry.former() == []


class Retired:
    """A part of a model that a later program has under another name."""


def test_a_version_made_of_parts_that_are_gone_is_a_sentence(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.save("v1", Retired(), {})
    monkeypatch.delattr(f"{__name__}.Retired")
    with pytest.raises(ForeignFormat, match=r"no longer has.*retrain"):
        registry.load("v1")


def test_a_version_of_an_older_program_names_both_formats(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("models.registry.FORMAT", 0)
        registry.save("v1", "a", {})
    with pytest.raises(ForeignFormat, match=r"has format 0, this program reads [0-9]+: retrain"):
        registry.load("v1")


def test_a_card_with_other_fields_is_of_another_format(registry: Registry, store: Memory) -> None:
    registry.save("v1", "a", {})
    text = json.dumps({"version": "v1", "weights": []}).encode()
    store["models/v1/card.json"] = text
    store["models/v1/signature"] = hmac.new(KEY, text, hashlib.sha256).hexdigest().encode()
    with pytest.raises(ForeignFormat, match="card of model v1"):
        registry.load("v1")


def test_a_truncated_artefact_says_how_much_of_it_is_there(registry: Registry, store: Memory) -> None:
    registry.save("v1", "a" * 1000, {})
    whole = len(store["models/v1/model.joblib"])
    store["models/v1/model.joblib"] = store["models/v1/model.joblib"][:7]
    with pytest.raises(BadSignature, match=f"7 of its {whole} bytes"):
        registry.load("v1")


def test_a_rollback_can_ask_more_of_a_version_than_a_signature(registry: Registry) -> None:
    for version in ("v1", "v2", "v3"):
        registry.save(version, 1, {})
        registry.promote(version)

    def check(version: str) -> None:
        if version == "v2":
            raise RegistryError("it cannot serve")

    assert registry.rollback(check) == "v1"
