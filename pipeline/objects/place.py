"""From the setting that says where objects are kept to the store itself."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipeline.objects.base import ObjectStore, StoreError
from pipeline.objects.local import LocalStore
from pipeline.objects.s3 import S3Store


def open_store(url: str, endpoint_url: str | None = None) -> ObjectStore:
    """The store at `file:folder` (relative or absolute, also `file:///folder`) or `s3://bucket/prefix`.

    `endpoint_url` is for S3 servers other than AWS. Nothing is touched yet. Raises StoreError.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path and parts.netloc in ("", "localhost"):
        return LocalStore(Path(unquote(parts.path)).expanduser())
    if parts.scheme == "s3" and parts.netloc and not (parts.query or parts.fragment):
        if "@" in parts.netloc:
            raise StoreError("an s3:// address holds a bucket only; credentials belong in the environment")
        return S3Store(parts.netloc, parts.path, endpoint_url)
    raise StoreError(f"{url!r} is no object store: use file:folder or s3://bucket/prefix")


def link(url: str, key: str) -> str:
    """Where a person finds an object of the store at `url`: a link that opens, or an S3 address."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return (Path(unquote(parts.path)).expanduser().absolute() / key).as_uri()
    return f"{url.rstrip('/')}/{key}"
