"""The signed store of model versions and its champion.

A version is a folder of three objects: the artefact (joblib), its card (JSON) and a signature over
both. Several processes may train and promote: a version's name belongs to whoever writes its artefact
first, and the champion's record changes only from what its writer has read.

Unpickling runs code, so nothing is unpickled before its signature has been verified; whoever can write to
the store but does not hold the signing key can at worst make a version unusable, or bring back one that
was the champion before.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import platform
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import joblib
import numpy as np

FORMAT = 2
REMEMBERED = 20  # champions that one can go back to
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.\-]{0,63}")
_CHAMPION = "models/champion.json"
_ANY = "whatever stands there"


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


@dataclass(frozen=True, slots=True)
class Card:
    """What is to be known of a version without loading it."""

    version: str
    created_at: str
    digest: str
    size: int
    libraries: dict[str, str]
    format: int
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Reign:
    """Who is champion, since when, and who was before, the latest last."""

    version: str
    since: str
    before: tuple[str, ...] = ()

    def claim(self) -> bytes:
        """What is signed; the words keep a card's signature from standing for it."""
        after = f" after {', '.join(self.before)}" if self.before else ""
        return f"the champion is {self.version} since {self.since}{after}".encode()


class Registry:
    """Versions in an object store, signed with a key (HMAC-SHA256)."""

    def __init__(self, store: Objects, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError("the signing key needs at least 16 bytes")
        self._store = store
        self._key = key

    def save(self, version: str, artefact: object, facts: dict[str, Any]) -> Card:
        """Store an artefact with its facts under a new version name; the signature is written last.

        A process that dies midway leaves a version without a signature, which never loads. Raises
        TakenMeanwhile where there is such a version already.
        """
        _check_name(version)
        buffer = io.BytesIO()
        joblib.dump(artefact, buffer, compress=("zlib", 1))
        data = buffer.getvalue()
        card = Card(
            version=version,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            digest=hashlib.sha256(data).hexdigest(),
            size=len(data),
            libraries=_libraries(),
            format=FORMAT,
            facts=facts,
        )
        text = json.dumps(asdict(card), indent=2, sort_keys=True).encode()
        if not self._store.put_if(f"models/{version}/model.joblib", data, None):
            raise TakenMeanwhile(f"there is a model {version} already: retrain")
        self._store.put(f"models/{version}/card.json", text)
        self._store.put(f"models/{version}/signature", self._sign(text).encode())
        return card

    def card(self, version: str) -> Card:
        """The version's card, its signature verified."""
        _check_name(version)
        try:
            text = self._store.get(f"models/{version}/card.json")
            signature = self._store.get(f"models/{version}/signature").strip()
        except LookupError:
            raise NoSuchVersion(f"model {version} is missing or incomplete: retrain, or roll back") from None
        if not hmac.compare_digest(self._sign(text).encode(), signature):
            raise BadSignature(
                f"model {version} is not signed with this key or was changed since: "
                "set the MODEL_SIGNING_KEY it was trained with, or retrain"
            )
        try:
            card = Card(**json.loads(text))
        except (TypeError, ValueError) as error:
            raise ForeignFormat(f"the card of model {version} is of another format: retrain") from error
        if card.version != version:
            raise BadSignature(f"what is stored as model {version} is model {card.version}: retrain")
        return card

    def load(self, version: str) -> tuple[Card, Any]:
        """The version's card and artefact, unpickled only after its digest has been verified."""
        card = self.readable(version)
        try:
            data = self._store.get(f"models/{version}/model.joblib")
        except LookupError:
            raise NoSuchVersion(f"model {version} has no artefact: retrain, or roll back") from None
        if len(data) < card.size:
            raise BadSignature(
                f"the artefact of model {version} is damaged: {len(data):,} of its {card.size:,} bytes are "
                "there: retrain, or roll back"
            )
        if len(data) != card.size or not hmac.compare_digest(hashlib.sha256(data).hexdigest(), card.digest):
            raise BadSignature(
                f"the artefact of model {version} is damaged or not the one signed: retrain, or roll back"
            )
        try:
            return card, joblib.load(io.BytesIO(data))
        except (AttributeError, ImportError) as error:
            raise ForeignFormat(
                f"model {version} is made of parts that this program no longer has ({error}): retrain"
            ) from error

    def readable(self, version: str) -> Card:
        """The version's card, if its format and libraries are ours; ForeignFormat if not."""
        card = self.card(version)
        if card.format != FORMAT:
            raise ForeignFormat(
                f"model {version} has format {card.format}, this program reads {FORMAT}: retrain, or run "
                "the program that trained it"
            )
        ours = _libraries()
        foreign = [
            f"{name} {theirs} (here {ours[name]})"
            for name, theirs in card.libraries.items()
            if name in ours and theirs.split(".")[:2] != ours[name].split(".")[:2]
        ]
        if foreign:
            raise ForeignFormat(f"model {version} was trained with {', '.join(foreign)}: retrain")
        return card

    def versions(self) -> list[str]:
        """Names of all complete versions, in the order of their names."""
        keys = self._store.list("models/")
        return sorted({key.split("/")[1] for key in keys if key.endswith("/signature")})

    def champion(self) -> str:
        """The version that serves. NoSuchVersion if none has been promoted yet."""
        return self._reign().version

    def former(self) -> list[str]:
        """The versions that were champion before the present one, the latest last."""
        return list(self._reign().before)

    def throne(self) -> str | None:
        """A mark of the champion's record as it stands, for `promote`; None where there is no record."""
        return self._record()[1]

    def promote(self, version: str, *, throne: str | None = _ANY) -> None:
        """Make a complete, correctly signed version the champion.

        With a `throne`, only if the champion's record is still the one of that mark: TakenMeanwhile if not.
        """
        self.card(version)
        while True:
            stored, tag = self._record()
            if throne is not _ANY and tag != throne:
                raise TakenMeanwhile("another model was promoted meanwhile")
            try:
                reign = self._read(stored)
            except RegistryError:  # none yet, or one that nobody vouches for
                before: list[str] = []
            else:
                before = list(reign.before) + [reign.version] * (reign.version != version)
            if self._crown(version, before, tag):
                return

    def rollback(self, check: Callable[[str], object] | None = None) -> str:
        """Make the champion's predecessor the champion again and return its name.

        What was rolled back from is forgotten as a predecessor, so that a second rollback goes one further
        back. Versions of which `check` raises RegistryError are passed over, by default those that are no
        longer complete or correctly signed. NoSuchVersion where no predecessor is left.
        """
        check = check or self.card
        stored, tag = self._record()
        reign = self._read(stored)
        before = list(reign.before)
        while before:
            version = before.pop()
            try:
                check(version)
            except RegistryError:
                continue
            if not self._crown(version, before, tag):
                raise TakenMeanwhile("another model was promoted meanwhile: look again before going back")
            return version
        raise NoSuchVersion(f"no champion before {reign.version} is left to go back to")

    def _reign(self) -> _Reign:
        return self._read(self._record()[0])

    def _record(self) -> tuple[bytes | None, str | None]:
        """The champion's record as it is stored and its tag; two times None where there is none."""
        try:
            return self._store.get_tagged(_CHAMPION)
        except LookupError:
            return None, None

    def _read(self, stored: bytes | None) -> _Reign:
        """The champion's record, its signature verified."""
        if stored is None:
            raise NoSuchVersion("no model has been promoted yet: run `axieflip train`")
        try:
            record = json.loads(stored)
            before = tuple(str(name) for name in record.get("before", ()))
            reign = _Reign(str(record["version"]), str(record["promoted_at"]), before)
            given = str(record["signature"]).encode()
            genuine = hmac.compare_digest(self._sign(reign.claim()).encode(), given)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RegistryError(f"{_CHAMPION} cannot be read: retrain") from error
        if not genuine:
            raise BadSignature(f"{_CHAMPION} is not signed with this key: retrain, or set the right key")
        return reign

    def _crown(self, version: str, before: list[str], tag: str | None) -> bool:
        """Write the record in place of the one of the tag; False where that is no longer there."""
        since = datetime.now(UTC).isoformat(timespec="seconds")
        reign = _Reign(version, since, tuple(before[-REMEMBERED:]))
        record = {
            "version": version,
            "promoted_at": since,
            "before": reign.before,
            "signature": self._sign(reign.claim()),
        }
        return self._store.put_if(_CHAMPION, json.dumps(record).encode(), tag)

    def _sign(self, text: bytes) -> str:
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()


def _check_name(version: str) -> None:
    if not _VERSION.fullmatch(version) or ".." in version:
        raise RegistryError("a version is named with letters, digits, dots and dashes")


def _libraries() -> dict[str, str]:
    """What a stored artefact depends on: it holds arrays and our own classes, nothing else."""
    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "numpy": np.__version__,
        "joblib": joblib.__version__,
    }
