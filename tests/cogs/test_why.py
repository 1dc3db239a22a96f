"""What Why reckons with: the newest price, the chances that are known, and the currency of the server."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bot.services.guild_settings import Currency
from bot.services.journal import Entry
from bot.services.workers import Workers
from pipeline.signal import QUANTILE_LEVELS, Filters, Thresholds
from tests.cogs.parts import make_listing, price
from tests.cogs.world import World, text


async def why(world: World) -> str:
    return text(await world.member.click(world.posted()[-1], label="Why"))


async def test_after_a_new_price_text_and_pictures_reckon_with_that(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = await world.watch()
    listing, _ = await world.signal(watch)
    await world.deliver()
    later = listing.seen_at + timedelta(minutes=5)
    cheaper = msgspec.structs.replace(
        listing, hash="0xfeed", base=4 * 10**15, started_at=later, seen_at=later
    )
    priced = price(cheaper, world.predictor.forecast(cheaper.axie))
    await world.services.journal.record([Entry(cheaper, priced, (watch,))])
    drawn: list[Any] = []
    run = Workers.run

    async def noted(self: Workers, what: Any, *args: Any) -> bytes:
        drawn.extend(each for each in args if isinstance(each, float))
        return await run(self, what, *args)

    monkeypatch.setattr(Workers, "run", noted)
    shown = await why(world)
    assert "− $10.00 ask −" in shown
    assert "= **+$9.14**" in shown
    assert drawn == [10.0]


async def test_an_unknown_chance_of_a_sale_is_called_unknown(world: World) -> None:
    await world.signal(await world.watch())
    await world.deliver()
    assert "Chance of a sale: unknown, too few outcomes yet" in await why(world)


async def test_a_known_chance_of_a_sale_is_told(world: World) -> None:
    await world.signal(await world.watch(), sell_chance=0.4, sell_hours=30.0)
    await world.deliver()
    shown = await why(world)
    assert "**40%** to sell within a day" in shown
    assert "unknown" not in shown


async def spread(world: World, least_usd: float) -> str:
    """Why of an alert that nets 6.64 dollars at the middle, for a watch that asks for some of it."""
    watch = await world.services.watches.add(
        world.guild.id, world.channel.id, "w", Thresholds(min_net_usd=least_usd), Filters(), 1
    )
    listing = make_listing(world.services.clock.now())
    forecast = world.predictor.forecast(listing.axie)
    quantiles = tuple(forecast.resale_usd * (0.5 + level) for level in QUANTILE_LEVELS)
    priced = price(listing, msgspec.structs.replace(forecast, quantiles=quantiles), probability=0.84)
    await world.services.journal.record([Entry(listing, priced, (watch,))])
    world.services.outbox.wake()
    await world.deliver()
    shown = await why(world)
    await world.services.watches.remove(world.guild.id, "w", 1)
    assert "net more than" not in await why(world)
    return shown


async def test_the_chance_to_net_what_the_watch_asks_for_is_told_where_it_is_another(world: World) -> None:
    # (12.50 + 0.01 + 5.00) / 0.9575 = 18.29, which is exceeded with a chance of 1.5 - 18.29 / 20.
    assert "**59%** likely to net more than $5.00, which its watch asks for" in await spread(world, 5.0)


@pytest.mark.parametrize("least_usd", [0.0, 0.05])
async def test_a_chance_that_is_the_same_is_told_once(world: World, least_usd: float) -> None:
    assert "net more than" not in await spread(world, least_usd)


async def test_a_sum_in_ether_is_in_ether_throughout(world: World) -> None:
    await world.services.guilds.change(
        world.guild.id, None, lambda s: msgspec.structs.replace(s, currency=Currency.ETH)
    )
    await world.signal(await world.watch())
    await world.deliver()
    shown = await why(world)
    assert "− 0.0000022 ETH gas =" in shown
    assert "$" not in shown
    assert "¢" not in shown
