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

    def exists(self, key: str) -> bool:
        """Whether there is an object of that key."""
        ...

    def list(self, prefix: str) -> list[str]:
        """The keys that start with the prefix, sorted; all of them for an empty prefix."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens if there is none."""
        ...


def checked_key(key: str) -> str:
    """The key itself, or StoreError where it could mean something outside the store or not be stored."""
    segments = key.split("/")
    # A leading dot marks the local store's unfinished files.
    valid = all(_SEGMENT.fullmatch(segment) and not segment.startswith(".") for segment in segments)
    if not valid or len(key) > _MAX_KEY:
        raise StoreError(f"{key[:100]!r} is no valid object key")
    return key
