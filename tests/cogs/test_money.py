from __future__ import annotations

import msgspec
import pytest

from bot.services.guild_settings import Currency
from cogs.money import DOLLARS, Money, of
from tests.cogs.world import World


@pytest.mark.parametrize(
    ("usd", "dollars", "ether"),
    [
        (12.4, "$12.40", "0.00496 ETH"),
        (-12.4, "−$12.40", "−0.00496 ETH"),
        (0.0, "$0.00", "0 ETH"),
        (2500.0, "$2,500", "1 ETH"),
        (3_086_419.75, "$3,086,420", "1,235 ETH"),
    ],
)
def test_amounts_are_written_in_the_currency_of_the_server(usd: float, dollars: str, ether: str) -> None:
    assert DOLLARS.amount(usd) == dollars
    assert Money(2500.0).amount(usd) == ether


def test_a_gain_always_shows_its_sign() -> None:
    assert [Money(2500.0).gain(usd) for usd in (12.4, -12.4)] == ["+0.00496 ETH", "−0.00496 ETH"]
    assert Money(2500.0).rough(12.4) == "0.005 ETH"


def test_a_small_cost_is_in_cents_or_in_ether_without_more_digits_than_it_deserves() -> None:
    assert DOLLARS.cost(0.0056) == "1¢"
    assert Money(2500.0).cost(0.0056) == "0.0000022 ETH"


async def test_a_server_reads_ether_once_it_asks_for_it_and_the_rate_is_known(world: World) -> None:
    services, guild = world.services, world.guild.id
    assert await of(services, guild) == DOLLARS
    await services.guilds.change(guild, 1, lambda s: msgspec.structs.replace(s, currency=Currency.ETH))
    assert await of(services, guild) == Money(2500.0)
    world.predictor.rates = None
    assert await of(services, guild) == DOLLARS
