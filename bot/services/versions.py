"""The stored versions of the model, for people: which there are, which serves, and the way back to another.

The registry blocks while it reads, so all of it runs in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from msgspec import Struct

from bot.errors import AxieflipError, NotFound
from bot.services.audit import Audit
from bot.services.predictor import Predictor
from models.registry import NoSuchVersion, Registry, RegistryError
from pipeline.loading import load_appraiser

log = structlog.get_logger(__name__)


class Version(Struct, frozen=True):
    """A stored version. `flaw` says why it cannot serve, where its card already shows that."""

    name: str
    champion: bool
    former: bool
    card: dict[str, Any] | None
    flaw: str | None = None


class Versions:
    """Reads the registry and changes its champion."""

    def __init__(
        self,
        registry: Registry,
        predictor: Predictor,
        audit: Audit,
        *,
        check: Callable[[Registry, str], object] = load_appraiser,
    ) -> None:
        self._registry = registry
        self._check = check
        self._predictor = predictor
        self._audit = audit

    async def names(self) -> list[str]:
        """The names of all versions, newest first."""
        return await asyncio.to_thread(lambda: self._registry.versions()[::-1])

    async def newest(self, limit: int = 10) -> list[Version]:
        """The newest versions and the champion, newest first."""
        return await asyncio.to_thread(self._list, limit)

    async def previous(self) -> str:
        """The version that a rollback leads to. `NotFound` where there is none."""
        former = await asyncio.to_thread(self._former)
        if not former:
            raise NotFound(
                "No other version was champion before this one, so there is none to go back to by itself. "
                "Name one: `/model list` shows all."
            )
        return former[-1]

    async def card(self, version: str) -> dict[str, Any]:
        """The facts of one version. Raises AxieflipError with the reason where they cannot be had."""
        try:
            card = await asyncio.to_thread(self._registry.card, version)
        except NoSuchVersion as error:
            raise NotFound(f"There is no model {version[:64]}: `/model list` shows all.") from error
        except RegistryError as error:
            raise AxieflipError(str(error)) from error
        return {"created_at": card.created_at, **card.facts}

    async def rollback(self, version: str, actor: int, guild_id: int | None) -> None:
        """Let a version serve that is stored already, the champion's predecessor or any other, from now on.

        Raises AxieflipError with the reason where it cannot; the champion stays then.
        """
        before = self._predictor.version
        if version == before:
            raise AxieflipError(f"Model {version} serves already: `/model list` shows the others.")
        try:
            await asyncio.to_thread(self._crown, version)
        except RegistryError as error:
            raise AxieflipError(f"Model {version} cannot serve: {error}") from error
        await self._audit.write(
            "model rolled back", version, guild_id=guild_id, actor=actor, before=before, after=version
        )
        try:
            await self._predictor.refresh()
        except Exception:  # the task that looks for a new champion tries again
            log.exception("the version rolled back to could not be taken on at once", version=version)

    def _crown(self, version: str) -> None:
        self._check(self._registry, version)  # that it is there and signed does not mean that it can serve
        former = self._former()
        if former and former[-1] == version:
            self._registry.rollback()
        else:
            self._registry.promote(version)

    def _former(self) -> list[str]:
        try:
            return self._registry.former()
        except RegistryError:
            return []

    def _list(self, limit: int) -> list[Version]:
        try:
            champion = self._registry.champion()
        except RegistryError:
            champion = None
        former = set(self._former())
        names = self._registry.versions()[::-1]
        shown = names[:limit] + [name for name in names[limit:] if name == champion]
        return [self._version(name, name == champion, name in former) for name in shown]

    def _version(self, name: str, champion: bool, former: bool) -> Version:
        try:
            card = self._registry.card(name)
        except RegistryError as error:
            return Version(name, champion, former, None, str(error))
        return Version(name, champion, former, {"created_at": card.created_at, **card.facts})
