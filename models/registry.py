"""The signed store of model versions and its champion.

A version is a folder of four objects: the artefact that serves, the members that it was compiled from
(both joblib), its card (JSON), which has the digests of both, and a signature of the card. Several
processes may train and promote: a version's name belongs to whoever writes its artefact first, and the
champion's record changes only from what its writer has read.

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
from importlib.metadata import version as installed
from typing import Any

import joblib
import numpy as np

from models.champion import Reign, Throne
from models.signed import (
    BadSignature,
    ForeignFormat,
    NoSuchVersion,
    Objects,
    RegistryError,
    Signer,
    TakenMeanwhile,
)

__all__ = [
    "BadSignature",
    "Card",
    "ForeignFormat",
    "NoSuchVersion",
    "Objects",
    "Registry",
    "RegistryError",
    "TakenMeanwhile",
]

FORMAT = 4
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.\-]{0,63}")
_ANY = "whatever stands there"
_ARTEFACT, _MEMBERS = "model.joblib", "members.joblib"


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it was stored: its SHA-256, its bytes, and the libraries that it depends on."""

    digest: str
    size: int
    libraries: dict[str, str]


@dataclass(frozen=True, slots=True)
class Card:
    """What is to be known of a version without loading it.

    Digest, size and libraries are of the artefact that serves; `members` of those it was compiled from,
    None where they were not kept.
    """

    version: str
    created_at: str
    digest: str
    size: int
    libraries: dict[str, str]
    format: int
    facts: dict[str, Any]
    members: Stored | None = None


class Registry:
    """Versions in an object store, signed with a key (HMAC-SHA256)."""

    def __init__(self, store: Objects, key: bytes) -> None:
        self._store = store
        self._signer = Signer(key)
        self._throne = Throne(store, self._signer)

    def save(
        self, version: str, artefact: object, facts: dict[str, Any], members: object | None = None
    ) -> Card:
        """Store an artefact with its facts under a new version name; the signature is written last.

        `members` are stored apart, to be read only where they are wanted. A process that dies midway leaves
        a version without a signature, which never loads. Raises TakenMeanwhile where there is such a
        version already.
        """
        _check_name(version)
        data = _packed(artefact)
        spare = None if members is None else _packed(members)
        card = Card(
            version=version,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            digest=_digest(data),
            size=len(data),
            libraries=_libraries(),
            format=FORMAT,
            facts=facts,
            members=None if spare is None else Stored(_digest(spare), len(spare), _of_members()),
        )
        text = json.dumps(asdict(card), indent=2, sort_keys=True).encode()
        if not self._store.put_if(f"models/{version}/{_ARTEFACT}", data, None):
            raise TakenMeanwhile(f"there is a model {version} already: retrain")
        if spare is not None:
            self._store.put(f"models/{version}/{_MEMBERS}", spare)
        self._store.put(f"models/{version}/card.json", text)
        self._store.put(f"models/{version}/signature", self._signer.sign(text))
        return card

    def card(self, version: str) -> Card:
        """The version's card, its signature verified."""
        _check_name(version)
        try:
            text = self._store.get(f"models/{version}/card.json")
            signature = self._store.get(f"models/{version}/signature").strip()
        except LookupError:
            raise NoSuchVersion(
                f"there is no model {version}, or it is incomplete: retrain, or roll back"
            ) from None
        if not self._signer.vouches(text, signature):
            raise BadSignature(
                f"model {version} is not signed with this key or was changed since: "
                "set the MODEL_SIGNING_KEY it was trained with, or retrain"
            )
        try:
            told = json.loads(text)
            members = told.pop("members", None)
            card = Card(**told, members=None if members is None else Stored(**members))
        except (TypeError, ValueError, AttributeError) as error:
            raise ForeignFormat(f"the card of model {version} is of another format: retrain") from error
        if card.version != version:
            raise BadSignature(f"what is stored as model {version} is model {card.version}: retrain")
        return card

    def load(self, version: str) -> tuple[Card, Any]:
        """The version's card and artefact, unpickled only after its digest has been verified."""
        card = self.readable(version)
        stored = Stored(card.digest, card.size, card.libraries)
        return card, self._unpacked(version, _ARTEFACT, "artefact", stored)

    def members(self, version: str) -> Any:
        """What was stored as the version's members, unpickled only after its digest has been verified."""
        card = self.readable(version)
        if card.members is None:
            raise NoSuchVersion(f"the members of model {version} were not kept")
        _check_libraries(version, card.members.libraries, _of_members())
        return self._unpacked(version, _MEMBERS, "second artefact", card.members)

    def _unpacked(self, version: str, name: str, what: str, stored: Stored) -> Any:
        """An object of a version, unpickled only after its digest has been verified."""
        try:
            data = self._store.get(f"models/{version}/{name}")
        except LookupError:
            raise NoSuchVersion(f"model {version} has no {what}: retrain, or roll back") from None
        if len(data) < stored.size:
            raise BadSignature(
                f"the {what} of model {version} is damaged: {len(data):,} of its {stored.size:,} bytes are "
                "there: retrain, or roll back"
            )
        if len(data) != stored.size or not hmac.compare_digest(_digest(data), stored.digest):
            raise BadSignature(
                f"the {what} of model {version} is damaged or not the one signed: retrain, or roll back"
            )
        try:
            return joblib.load(io.BytesIO(data))
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
        _check_libraries(version, card.libraries, _libraries())
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
        return self._throne.stored()[1]

    def promote(self, version: str, *, throne: str | None = _ANY) -> None:
        """Make a complete, correctly signed version the champion.

        With a `throne`, only if the champion's record is still the one of that mark: TakenMeanwhile if not.
        """
        self.card(version)
        while True:
            stored, tag = self._throne.stored()
            if throne is not _ANY and tag != throne:
                raise TakenMeanwhile("another model was promoted meanwhile")
            try:
                reign = self._throne.read(stored)
            except RegistryError:  # none yet, or one that nobody vouches for
                before: list[str] = []
            else:
                before = list(reign.before) + [reign.version] * (reign.version != version)
            if self._throne.crown(version, before, tag):
                return

    def rollback(self, check: Callable[[str], object] | None = None) -> str:
        """Make the champion's predecessor the champion again and return its name.

        What was rolled back from is forgotten as a predecessor, so that a second rollback goes one further
        back. Versions of which `check` raises RegistryError are passed over, by default those that are no
        longer complete or correctly signed. NoSuchVersion where no predecessor is left.
        """
        check = check or self.card
        stored, tag = self._throne.stored()
        reign = self._throne.read(stored)
        before = list(reign.before)
        while before:
            version = before.pop()
            try:
                check(version)
            except RegistryError:
                continue
            if not self._throne.crown(version, before, tag):
                raise TakenMeanwhile("another model was promoted meanwhile: look again before going back")
            return version
        raise NoSuchVersion(f"no champion before {reign.version} is left to go back to")

    def _reign(self) -> Reign:
        return self._throne.read(self._throne.stored()[0])


def _check_name(version: str) -> None:
    if not _VERSION.fullmatch(version) or ".." in version:
        raise RegistryError("a version is named with letters, digits, dots and dashes")


def _check_libraries(version: str, theirs: dict[str, str], ours: dict[str, str]) -> None:
    """ForeignFormat where a library is of another minor version than ours."""
    foreign = [
        f"{name} {number} (here {ours[name]})"
        for name, number in theirs.items()
        if name in ours and number.split(".")[:2] != ours[name].split(".")[:2]
    ]
    if foreign:
        raise ForeignFormat(f"model {version} was trained with {', '.join(foreign)}: retrain")


def _packed(content: object) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(content, buffer, compress=("zlib", 1))
    return buffer.getvalue()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _libraries() -> dict[str, str]:
    """What a stored artefact depends on: it holds arrays and our own classes, nothing else."""
    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "numpy": np.__version__,
        "joblib": joblib.__version__,
    }


def _of_members() -> dict[str, str]:
    """What fitted members depend on besides."""
    return {"scikit-learn": installed("scikit-learn")}
