"""Objects whose writer is known: where they are kept, how they are signed, what may be wrong with them."""

from __future__ import annotations

import hashlib
import hmac
from typing import Protocol


class Objects(Protocol):
    """The part of an object store that the registry needs."""

    def get(self, key: str) -> bytes:
        """The object's bytes; LookupError if there is none."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Store the bytes whole or not at all."""
        ...

    def get_tagged(self, key: str) -> tuple[bytes, str]:
        """The object's bytes and a tag of them; LookupError if there is none."""
        ...

    def put_if(self, key: str, data: bytes, tag: str | None) -> bool:
        """Store the bytes if the object still has the tag, or if there is none for None; whether it did."""
        ...

    def list(self, prefix: str) -> list[str]:
        """Keys below a prefix, sorted."""
        ...


class RegistryError(Exception):
    """A version cannot be used; the message says why and what to do."""


class NoSuchVersion(RegistryError):
    """The version, or any champion at all, is missing."""


class BadSignature(RegistryError):
    """The version was not signed with our key, or was changed since."""


class TakenMeanwhile(RegistryError):
    """Another process wrote what was to be written."""


class ForeignFormat(RegistryError):
    """The version was written by a program whose format or libraries differ from ours."""


class Signer:
    """HMAC-SHA256 with a key of at least 16 bytes; ValueError for a shorter one."""

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError("the signing key needs at least 16 bytes")
        self._key = key

    def sign(self, text: bytes) -> bytes:
        """The signature of a text, in hexadecimal."""
        return hmac.new(self._key, text, hashlib.sha256).hexdigest().encode()

    def vouches(self, text: bytes, signature: bytes) -> bool:
        """Whether a signature is ours and of this very text."""
        return hmac.compare_digest(self.sign(text), signature)
