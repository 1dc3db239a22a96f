"""What every object store promises: its calls, its keys and its errors.

Keys are relative paths with forward slashes. They are checked before any store is touched, so that a
key from outside can never reach a file beyond the store.
"""

from __future__ import annotations

import re
from typing import Protocol

# What is safe in a file name everywhere and in a URL unescaped; `=` for the partitions of a dataset.
_SEGMENT = re.compile(r"[A-Za-z0-9._=+@,-]{1,200}")
_MAX_KEY = 900
MOST_BYTES = 1 << 30  # of one object; what we write is a thousandth of it, and all of it goes into memory


class StoreError(Exception):
    """An object store could not do what it was asked; the message says which, what and why."""


class ObjectMissing(StoreError, KeyError):
    """There is no object of that key."""

    def __str__(self) -> str:
        # KeyError would show its message in quotes, as if it were the key.
        return str(self.args[0]) if self.args else ""


class ObjectStore(Protocol):
    """Objects of bytes by key. Every call raises StoreError where the store fails or a key is not valid."""

    def get(self, key: str) -> bytes:
        """The object's bytes; raises ObjectMissing if there is none."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Write the object whole, replacing what was there."""
        ...

    def get_tagged(self, key: str) -> tuple[bytes, str]:
        """The object's bytes and a tag of them, for `put_if`; raises ObjectMissing if there is none."""
        ...

    def put_if(self, key: str, data: bytes, tag: str | None) -> bool:
        """Write the object only if what is there still has the tag, or if nothing is there for None.

        Whether it was written. Of several that try at once, in whatever processes, one succeeds.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether there is an object of that key."""
        ...

    def list(self, prefix: str) -> list[str]:
        """The keys that start with the prefix, sorted; all of them for an empty prefix.

        What others put there under names that are no keys is left out: no call could read it.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens if there is none."""
        ...


def is_key(key: str) -> bool:
    """Whether a key means something inside of the store and can be stored."""
    segments = key.split("/")
    # A leading dot marks the local store's unfinished files.
    valid = all(_SEGMENT.fullmatch(segment) and not segment.startswith(".") for segment in segments)
    return valid and len(key) <= _MAX_KEY


def checked_key(key: str) -> str:
    """The key itself, or StoreError where it could mean something outside the store or not be stored."""
    if not is_key(key):
        raise StoreError(f"{key[:100]!r} is no valid object key")
    return key


def checked_size(key: str, size: int) -> int:
    """The size itself, or StoreError where an object is larger than anything that was ever put."""
    if size > MOST_BYTES:
        raise StoreError(
            f"{key!r} has {size:,} bytes, which nothing of ours has: look what it is, and remove it"
        )
    return size
