"""An object store in an S3 bucket, or in anything that speaks the same protocol.

Credentials and region come from boto3's usual chain and are never held here. boto3 is imported with
the first call, because it costs 0.2 seconds and 30 MB that a local store need not pay.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NoReturn

from pipeline.objects.base import ObjectMissing, StoreError, checked_key, checked_size, is_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_GONE = {"404", "NoSuchKey"}
_CHANGED = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}


class S3Store:
    """Objects in a bucket, under an optional prefix. `endpoint_url` points at a server other than AWS."""

    def __init__(self, bucket: str, prefix: str = "", endpoint_url: str | None = None) -> None:
        if not bucket:
            raise StoreError("an S3 store needs the name of a bucket")
        self.bucket = bucket
        self.prefix = f"{checked_key(prefix.strip('/'))}/" if prefix.strip("/") else ""
        self._endpoint_url = endpoint_url
        self._made: S3Client | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"S3Store('s3://{self.bucket}/{self.prefix}')"

    def get(self, key: str) -> bytes:
        """The object's bytes; raises ObjectMissing if there is none."""
        name = self._name(key)
        try:
            found = self._client().get_object(Bucket=self.bucket, Key=name)
            checked_size(key, found["ContentLength"])
            return found["Body"].read()
        except Exception as error:
            self._fail("read", key, error)

    def put(self, key: str, data: bytes) -> None:
        """Write the object whole, replacing what was there."""
        name = self._name(key)
        try:
            self._client().put_object(Bucket=self.bucket, Key=name, Body=data)
        except Exception as error:
            self._fail("write", key, error)

    def get_tagged(self, key: str) -> tuple[bytes, str]:
        """The object's bytes and its entity tag; raises ObjectMissing if there is none."""
        name = self._name(key)
        try:
            answer = self._client().get_object(Bucket=self.bucket, Key=name)
            return answer["Body"].read(), answer["ETag"]
        except Exception as error:
            self._fail("read", key, error)

    def put_if(self, key: str, data: bytes, tag: str | None) -> bool:
        """Write the object only if what is there still has the tag, or if nothing is there for None."""
        condition: Any = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            self._client().put_object(Bucket=self.bucket, Key=self._name(key), Body=data, **condition)
        except Exception as error:
            if _code(error) in _GONE and tag is not None:
                return False
            if _code(error) not in _CHANGED:
                self._fail("write", key, error)
            # A write that was repeated because its answer was lost meets itself.
            try:
                return self.get(key) == data
            except ObjectMissing:
                return False
        return True

    def exists(self, key: str) -> bool:
        """Whether there is an object of that key."""
        name = self._name(key)
        try:
            self._client().head_object(Bucket=self.bucket, Key=name)
        except Exception as error:
            # A HEAD has no body, so that a missing bucket looks like a missing object here.
            if _code(error) in _GONE:
                return False
            self._fail("look for", key, error)
        return True

    def list(self, prefix: str) -> list[str]:
        """The keys that start with the prefix, sorted; all of them for an empty prefix."""
        keys: list[str] = []
        try:
            pages = self._client().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix + prefix):
                keys.extend(item["Key"].removeprefix(self.prefix) for item in page.get("Contents", ()))
        except Exception as error:
            self._fail("list", prefix, error)
        return sorted(key for key in keys if is_key(key))

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens if there is none."""
        name = self._name(key)
        try:
            self._client().delete_object(Bucket=self.bucket, Key=name)
        except Exception as error:
            self._fail("delete", key, error)

    def _name(self, key: str) -> str:
        return self.prefix + checked_key(key)

    def _client(self) -> S3Client:
        with self._lock:  # calls come from several threads, and making a session is not thread-safe
            if self._made is None:
                import boto3
                from botocore.config import Config

                config = Config(
                    connect_timeout=5, read_timeout=60, retries={"mode": "standard", "max_attempts": 4}
                )
                session = boto3.session.Session()
                self._made = session.client("s3", endpoint_url=self._endpoint_url, config=config)
            return self._made

    def _fail(self, act: str, key: str, error: Exception) -> NoReturn:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        where = f"s3://{self.bucket}/{self.prefix}"
        if isinstance(error, ClientError):
            if _code(error) in _GONE:
                raise ObjectMissing(f"no object {key!r} in {where}") from None
            details: dict[str, Any] = dict(error.response.get("Error", {}))
            reason = f"{details.get('Code', 'error')}: {details.get('Message', '')}".rstrip(": ")
            raise StoreError(f"cannot {act} {key!r} in {where}: {reason}") from error
        if isinstance(error, BotoCoreError | HTTPClientError | ValueError):
            raise StoreError(f"cannot {act} {key!r} in {where}: {error}") from error
        raise error


def _code(error: Exception) -> str:
    response: dict[str, Any] = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))
