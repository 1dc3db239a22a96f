"""The record of which version serves and which did before: signed, and never overwritten unread."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from models.signed import BadSignature, NoSuchVersion, Objects, RegistryError, Signer

KEY = "models/champion.json"
REMEMBERED = 20  # champions that one can go back to


@dataclass(frozen=True, slots=True)
class Reign:
    """Who is champion, since when, and who was before, the latest last."""

    version: str
    since: str
    before: tuple[str, ...] = ()

    def claim(self) -> bytes:
        """What is signed; the words keep a card's signature from standing for it."""
        after = f" after {', '.join(self.before)}" if self.before else ""
        return f"the champion is {self.version} since {self.since}{after}".encode()


class Throne:
    """The champion's record in an object store."""

    def __init__(self, store: Objects, signer: Signer) -> None:
        self._store = store
        self._signer = signer

    def stored(self) -> tuple[bytes | None, str | None]:
        """The record as it is stored and its tag; two times None where there is none."""
        try:
            return self._store.get_tagged(KEY)
        except LookupError:
            return None, None

    def read(self, stored: bytes | None) -> Reign:
        """What a stored record says, its signature verified. NoSuchVersion where there is none."""
        if stored is None:
            raise NoSuchVersion("no model has been promoted yet: run `axieflip train`")
        try:
            record = json.loads(stored)
            before = tuple(str(name) for name in record.get("before", ()))
            reign = Reign(str(record["version"]), str(record["promoted_at"]), before)
            genuine = self._signer.vouches(reign.claim(), str(record["signature"]).encode())
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RegistryError(f"{KEY} cannot be read: retrain") from error
        if not genuine:
            raise BadSignature(f"{KEY} is not signed with this key: retrain, or set the right key")
        return reign

    def crown(self, version: str, before: list[str], tag: str | None) -> bool:
        """Write a record in place of the one of the tag; False where that is no longer there."""
        since = datetime.now(UTC).isoformat(timespec="seconds")
        reign = Reign(version, since, tuple(before[-REMEMBERED:]))
        record = {
            "version": version,
            "promoted_at": since,
            "before": reign.before,
            "signature": self._signer.sign(reign.claim()).decode(),
        }
        return self._store.put_if(KEY, json.dumps(record).encode(), tag)
