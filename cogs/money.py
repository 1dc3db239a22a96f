"""Amounts in the currency that a server has chosen: all are dollars inside, and ETH only to be read."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from bot.services.guild_settings import Currency
from cogs import format as fmt
from pipeline.market.values import Token

if TYPE_CHECKING:
    from bot.services import Services


@dataclass(frozen=True, slots=True)
class Money:
    """How to write dollars. `eth_usd` is what an ETH costs, or None to write dollars as they are."""

    eth_usd: float | None = None

    def amount(self, usd: float) -> str:
        """An amount: `$12.40`, or `0.00496 ETH`."""
        return fmt.usd(usd) if self.eth_usd is None else _eth(usd / self.eth_usd, 4)

    def rough(self, usd: float) -> str:
        """An estimate's bound, without more digits than it deserves."""
        return fmt.rough(usd) if self.eth_usd is None else _eth(usd / self.eth_usd, 2)

    def cost(self, usd: float) -> str:
        """A small cost: `56¢`, or `0.00022 ETH`."""
        return fmt.cents(usd) if self.eth_usd is None else _eth(usd / self.eth_usd, 2)

    def gain(self, usd: float) -> str:
        """An amount won or lost, with the sign always shown."""
        if self.eth_usd is None:
            return fmt.gain(usd)
        return f"{'+' if usd > 0 else ''}{_eth(usd / self.eth_usd, 3)}"


DOLLARS: Final = Money()


async def of(services: Services, guild_id: int) -> Money:
    """How a server wants amounts written; in dollars while the rate of ETH is not known."""
    settings = await services.guilds.get(guild_id)
    rates = services.predictor.rates
    if settings.currency is not Currency.ETH or rates is None:
        return DOLLARS
    return Money(rates.usd.get(Token.WETH))


def _eth(value: float, digits: int) -> str:
    if value == 0:
        return "0 ETH"
    exact = Decimal(abs(value))
    short = f"{round(exact, max(digits - 1 - exact.adjusted(), 0)):,f}"
    if "." in short:
        short = short.rstrip("0").rstrip(".")
    return f"{'−' if value < 0 else ''}{short} ETH"
