"""Object stores: a folder and a bucket keep the same promises, the bucket on a real server over HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from pipeline.objects import (
    LocalStore,
    ObjectMissing,
    ObjectStore,
    S3Store,
    StoreError,
    checked_key,
    link,
    open_store,
)


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in keys.items():
            patch.setenv(name, value)
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket="axies")
        yield endpoint
        server.stop()


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "folder":
        return LocalStore(tmp_path / "store")
    return S3Store("axies", f"{tmp_path.name}/nested", request.getfixturevalue("s3_endpoint"))


class TestAnyStore:
    def test_what_was_put_is_got_back(self, store: ObjectStore) -> None:
        store.put("raw/sales/dt=2026-01-01/run.jsonl.zst", b"\x00\xff" * 1000)
        assert store.get("raw/sales/dt=2026-01-01/run.jsonl.zst") == b"\x00\xff" * 1000
        store.put("empty", b"")
        assert store.get("empty") == b""

    def test_putting_again_replaces(self, store: ObjectStore) -> None:
        store.put("models/champion.json", b"a long first version")
        store.put("models/champion.json", b"v2")
        assert store.get("models/champion.json") == b"v2"
        assert store.list("") == ["models/champion.json"]

    def test_an_absent_object_is_a_missing_key(self, store: ObjectStore) -> None:
        assert not store.exists("nothing/here")
        with pytest.raises(ObjectMissing, match="nothing/here"):
            store.get("nothing/here")
        with pytest.raises(KeyError):
            store.get("nothing/here")

    def test_listing_is_sorted_and_by_prefix_even_within_a_name(self, store: ObjectStore) -> None:
        assert store.list("") == []
        for key in ("b/2", "b/10", "a", "b/1/deep", "bc"):
            store.put(key, b"x")
        assert store.list("") == ["a", "b/1/deep", "b/10", "b/2", "bc"]
        assert store.list("b/") == ["b/1/deep", "b/10", "b/2"]
        assert store.list("b") == ["b/1/deep", "b/10", "b/2", "bc"]
        assert store.list("b/1") == ["b/1/deep", "b/10"]
        assert store.list("absent/") == []

    def test_deleting_is_for_good_and_may_be_repeated(self, store: ObjectStore) -> None:
        store.put("a/b", b"x")
        store.delete("a/b")
        store.delete("a/b")
        assert not store.exists("a/b")
        assert store.list("a/") == []

    @pytest.mark.parametrize(
        "key",
        [
            "",
            "/etc/passwd",
            "../up",
            "a/../../up",
            "a//b",
            "a\\b",
            "a/",
            ".hidden",
            "a/.b",
            "a\0b",
            "é",
            "x" * 901,
        ],
    )
    def test_a_key_that_could_escape_is_refused_by_every_call(self, store: ObjectStore, key: str) -> None:
        for call in (store.get, store.exists, store.delete, lambda key: store.put(key, b"x")):
            with pytest.raises(StoreError, match="no valid object key"):
                call(key)

    @settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.from_regex(r"[A-Za-z0-9_=+@,-][A-Za-z0-9._=+@,-]{0,12}", fullmatch=True),
            min_size=1,
            max_size=4,
        ),
        st.binary(max_size=200),
    )
    def test_every_valid_key_can_be_stored(
        self, store: ObjectStore, segments: list[str], data: bytes
    ) -> None:
        key = "/".join(["any", *segments, "object"])
        store.put(key, data)
        assert store.get(key) == data
        assert key in store.list("any/")
        store.delete(key)


def test_a_listing_goes_on_where_the_server_cuts_it_off(s3_endpoint: str) -> None:
    store = S3Store("axies", "pages", s3_endpoint)
    keys = [f"many/{number:04}" for number in range(1005)]
    bucket = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]  # behind the server, for a thousand requests are slow
    for key in keys:
        bucket.put_object("axies", store.prefix + key, b"")
    assert store.list("many/") == keys


@given(st.text(max_size=40))
def test_an_accepted_key_never_leaves_the_root(key: str) -> None:
    try:
        checked_key(key)
    except StoreError:
        return
    root = Path("/srv/store")
    assert os.path.normpath(root / key) == str(root / key)


def test_a_failed_write_leaves_the_old_object_and_no_litter(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a/b", b"old")
    with pytest.raises(TypeError):
        store.put("a/b", "not bytes")  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="a/b/c"):
        store.put("a/b/c", b"under a file")
    assert store.get("a/b") == b"old"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_an_unfinished_write_of_a_killed_process_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".0123.partial").write_bytes(b"half")
    assert LocalStore(tmp_path).list("") == []


def test_two_writers_of_one_key_leave_one_whole_object(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    bodies = [bytes([number]) * 50_000 for number in range(6)]
    threads = [threading.Thread(target=store.put, args=("same", body)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("same") in bodies


def test_a_bucket_that_is_not_there_is_named(s3_endpoint: str) -> None:
    store = S3Store("no-such-bucket", "x", s3_endpoint)
    for call in (lambda: store.put("a", b""), lambda: store.get("a"), lambda: store.list("")):
        with pytest.raises(StoreError, match=r"no-such-bucket.*NoSuchBucket"):
            call()


def test_a_server_that_does_not_answer_is_a_store_error(
    s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StoreError, match="cannot read 'a' in s3://axies/"):
        S3Store("axies", "", "http://127.0.0.1:9").get("a")


def test_a_store_is_opened_by_its_address(tmp_path: Path) -> None:
    local = open_store(f"file:{tmp_path}/store")
    assert isinstance(local, LocalStore)
    assert local.root == tmp_path / "store"
    relative = open_store("file:data/store")
    assert isinstance(relative, LocalStore)
    assert relative.root == Path("data/store")
    bucket = open_store("s3://axies/some/prefix/", "http://127.0.0.1:1")
    assert isinstance(bucket, S3Store)
    assert (bucket.bucket, bucket.prefix) == ("axies", "some/prefix/")


@pytest.mark.parametrize(
    "url", ["", "data/store", "file:", "s3:", "s3:///x", "http://x/y", "s3://axies/a/../b"]
)
def test_an_address_that_is_none_gets_a_clear_error(url: str) -> None:
    with pytest.raises(StoreError):
        open_store(url)


def test_credentials_in_an_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(StoreError) as caught:
        open_store("s3://AKIA:secret@axies/x")
    assert "secret" not in str(caught.value)


def test_importing_the_stores_does_not_import_boto3() -> None:
    code = "import sys, pipeline.objects; sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_link_leads_a_person_to_an_object(tmp_path: Path) -> None:
    url = f"file:{tmp_path}/some store"
    open_store(url.replace(" ", "%20")).put("reports/a/b.html", b"page")
    told = link(url.replace(" ", "%20"), "reports/a/b.html")
    assert told.startswith("file:///")
    assert Path(unquote(urlsplit(told).path)).read_bytes() == b"page"
    assert link("s3://bucket/prefix/", "reports/a/b.html") == "s3://bucket/prefix/reports/a/b.html"
