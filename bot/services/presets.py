"""Watches that make sense as they are: a first one in one step, and a beginning for others."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from bot.services.pacing import Delivery
from pipeline.market.traits import Collection
from pipeline.signal import Filters, Thresholds


class Preset(Struct, frozen=True):
    """A named set of wishes, and in a sentence for whom it is."""

    name: str
    about: str
    thresholds: Thresholds
    filters: Filters = Filters()
    delivery: Delivery = Delivery()

    @property
    def title(self) -> str:
        """The name that its first watch gets."""
        return self.name.title()


PRESETS: Final = {
    preset.name: preset
    for preset in (
        Preset(
            "bargains",
            "Anything that should resell for clearly more than it costs.",
            Thresholds(min_net_usd=1.0, min_return=0.2, min_probability=0.7),
            delivery=Delivery(cap=20),
        ),
        Preset(
            "collectibles",
            "Mystic, Origin and other rare axies, where one flip is worth a few.",
            Thresholds(min_net_usd=10.0, min_return=0.15, min_probability=0.65),
            Filters(collections=tuple(Collection)),
        ),
        Preset(
            "careful",
            "Few signals, each with a good margin and hardly a doubt.",
            Thresholds(min_net_usd=2.0, min_return=0.3, min_probability=0.9),
            delivery=Delivery(cap=10),
        ),
    )
}
