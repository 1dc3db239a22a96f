"""The settings of a server: plain values, without a word on where they are kept."""

from __future__ import annotations

from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct


class Area(StrEnum):
    """What a person may be allowed to do on a server; `PROCESS` is about the bot as a whole."""

    READING = "reading"
    WATCHES = "watches"
    MODEL = "model"
    SETTINGS = "settings"
    PROCESS = "process"


class Currency(StrEnum):
    """What amounts are shown in."""

    USD = "USD"
    ETH = "ETH"


class GuildSettings(Struct, frozen=True):
    """The settings of a server. A grant gives an area to the members of a role."""

    time_zone: str = "UTC"
    currency: Currency = Currency.USD
    operators_channel: int | None = None
    grants: dict[Area, int] = {}

    @classmethod
    def of(cls, text: str | None) -> GuildSettings:
        """The settings as they are stored; the defaults where nothing is."""
        return cls() if text is None else msgspec.json.decode(text, type=cls)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone as Python knows it."""
        return ZoneInfo(self.time_zone)
