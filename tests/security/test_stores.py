"""Object stores: keys stay inside, and nothing that others put there stops or swells the bot."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from botocore.response import StreamingBody
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from models.search import _Kept
from pipeline import datasets
from pipeline.collect import coverage, standing
from pipeline.datasets import Damaged, read_records, write_records
from pipeline.market.values import OrderStatus, Resolution
from pipeline.objects import LocalStore, ObjectMissing, S3Store, StoreError, base
from pipeline.side.tables import stored_tables
from tests.bot.factories import NOON

SEGMENTS = st.sampled_from(["..", ".", "", "a", "~", "a\\b", "..\\", "%2e%2e", "a\0", "C:", "é", "-", " "])
KEYS = st.one_of(
    st.text(max_size=60),
    st.lists(SEGMENTS, max_size=6).map("/".join),
    st.from_regex(r"[A-Za-z0-9._/-]{1,40}"),
)
PER_TEST = [HealthCheck.function_scoped_fixture]


@settings(max_examples=300, deadline=None, suppress_health_check=PER_TEST)
@given(KEYS)
@example("../outside")
@example("a/../../outside")
def test_no_key_reaches_beyond_the_folder(tmp_path: Path, key: str) -> None:
    root = tmp_path / "store"
    secret = tmp_path / "outside"
    secret.write_bytes(b"secret")
    store = LocalStore(root)
    for call in (lambda: store.put(key, b"ours"), lambda: store.get(key), lambda: store.delete(key)):
        try:
            assert call() != b"secret"
        except StoreError:
            continue
    assert secret.read_bytes() == b"secret"
    assert sorted(path.name for path in tmp_path.iterdir()) in (["outside"], ["outside", "store"])
    for name in store.list(""):
        assert store.get(name) == b"ours"


class Bucket:
    """The calls of boto3 that a store makes, over a dictionary that others can write to as they like."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects
        self.asked: list[str] = []

    def get_paginator(self, _: str) -> Bucket:
        return self

    def paginate(self, Prefix: str, **_: Any) -> list[dict[str, Any]]:
        return [{"Contents": [{"Key": key} for key in self.objects if key.startswith(Prefix)]}]

    def get_object(self, Key: str, **_: Any) -> dict[str, Any]:
        self.asked.append(Key)
        data = self.objects[Key]
        return {"ContentLength": len(data), "Body": StreamingBody(io.BytesIO(data), len(data))}


def bucket(objects: dict[str, bytes]) -> tuple[S3Store, Bucket]:
    store, behind = S3Store("axies", "ours"), Bucket(objects)
    store._made = behind  # type: ignore[assignment]
    return store, behind


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(KEYS, st.binary(max_size=20), max_size=8))
def test_a_bucket_lists_only_what_can_be_asked_for_and_nothing_beyond_its_prefix(
    objects: dict[str, bytes],
) -> None:
    objects = {f"ours/{key}": data for key, data in objects.items()} | {"theirs/a": b"x", "oursa": b"x"}
    store, behind = bucket(objects)
    for key in store.list(""):
        assert store.get(key) == objects[f"ours/{key}"]
    assert all(key.startswith("ours/") for key in behind.asked)


BAD_NAMES = (
    "raw/resolutions/dt=2026-06-01/with space.jsonl.zst",
    "raw/resolutions/dt=2026-06-01/é.jsonl.zst",
)


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_a_file_under_an_impossible_name_does_not_stop_a_training(
    tmp_path: Path, name: str, kind: str
) -> None:
    folder, record = LocalStore(tmp_path), Resolution("0x1", OrderStatus.MATCHED, NOON)
    (key,) = write_records(folder, "resolutions", "run", [record])
    (tmp_path / name).write_bytes(b"x")
    store: Any = folder
    if kind == "bucket":
        store, _ = bucket(
            {f"ours/{key}": folder.get(key), f"ours/{name}": b"x", "ours/raw/resolutions/dt=1/../..": b""}
        )
    assert list(read_records(store, "resolutions", Resolution)) == [record]


def test_an_object_of_absurd_size_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "MOST_BYTES", 100)
    (tmp_path / "a").write_bytes(b"x" * 101)
    store, _ = bucket({"ours/a": b"x" * 101})
    for each in (LocalStore(tmp_path), store):
        with pytest.raises(StoreError, match="'a' has 101 bytes"):
            each.get("a")
    (tmp_path / "a").write_bytes(b"x" * 100)
    assert LocalStore(tmp_path).get("a") == b"x" * 100


def test_a_little_that_unpacks_to_very_much_is_set_down_as_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "MOST_BYTES", 32 << 20)
    store, key = LocalStore(tmp_path), "raw/resolutions/dt=2026-06-01/bomb.jsonl.zst"
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    chunk = b" " * (8 << 20)
    bomb = (
        b"".join(packer.compress(chunk) for _ in range(datasets.MOST_BYTES // len(chunk) + 1))
        + packer.flush()
    )
    assert len(bomb) < 100_000
    store.put(key, bomb)
    damaged: list[Damaged] = []
    assert datasets.lines_of(store, key, damaged) == []
    assert damaged == [Damaged(key, f"it unpacks to more than {datasets.MOST_BYTES >> 20} MiB")]


DEEP = b'{"x":' * 20_000
NAIVE = b'{"hash":"0x1","status":"Matched","at":"2026-06-01T12:00:00"}'


@pytest.mark.parametrize("line", [DEEP, b"[" * 50_000, NAIVE, b"\xff", b"null", b"{}"])
def test_a_record_that_makes_no_sense_is_counted_and_passed_over(tmp_path: Path, line: bytes) -> None:
    store = LocalStore(tmp_path)
    good = Resolution("0x1", OrderStatus.MATCHED, NOON)
    key = "raw/resolutions/dt=2026-06-01/run.jsonl.zst"
    store.put(key, datasets.pack([line, msgspec.json.encode(good)]))
    damaged: list[Damaged] = []
    since = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    assert list(read_records(store, "resolutions", Resolution, since, damaged)) == [good]
    assert [(item.key, item.lost) for item in damaged] == [(key, False)]


@pytest.mark.parametrize("text", [DEEP, b"[" * 50_000, b"{", b"null", b"[1]"])
def test_notes_that_were_tampered_with_are_begun_anew(tmp_path: Path, text: bytes) -> None:
    store = LocalStore(tmp_path)
    for key in (coverage.KEY, standing.KEY, "trials/x"):
        store.put(key, text)
    assert coverage.load(store) == []
    assert standing.load(store) == standing.Sweep()
    assert _Kept(store, "trials/x").errors == []


def test_a_side_table_that_was_tampered_with_is_reported(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    key = "side/strengths/dt=2026-06-01/run.jsonl.zst"
    store.put(key, datasets.pack([DEEP]))
    damaged: list[Damaged] = []
    assert stored_tables(store, "strengths", Resolution, damaged) == []
    assert [item.key for item in damaged] == [key]


def test_an_object_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ObjectMissing):
        LocalStore(tmp_path).get("a")
