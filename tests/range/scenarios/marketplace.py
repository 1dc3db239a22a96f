"""The marketplace is down, slow, ill or hostile; what it shows afterwards is recorded all the same."""

from __future__ import annotations

from tests.e2e.processes import until
from tests.range import hostile
from tests.range.arena import Arena
from tests.range.door import Mishap
from tests.range.register import scenario


async def meets(arena: Arena, mishap: Mishap, answers: int = 3) -> None:
    """A bot at work gets so many such answers while bargains are listed; then all is well again."""
    await arena.open()
    async with arena.market_door.mishap(mishap):
        await arena.bargain(2)

        async def met() -> bool:
            return arena.market_door.struck >= answers

        await until(f"{answers} such answers", met, 60)
        await arena.bargain()
    await arena.settle()


@scenario()
async def market_down(arena: Arena) -> None:
    """The marketplace refuses connections, for a while"""
    await arena.open()
    async with arena.market_door.shutting():
        await arena.bargain(3)
        await arena.pause(8)
    await arena.settle()


@scenario()
async def market_down_at_start(arena: Arena) -> None:
    """The marketplace refuses connections while the bot starts"""
    await arena.open()
    await arena.stop()
    async with arena.market_door.shutting():
        bot = await arena.launch()
        await bot.address()
        await arena.bargain(3)
        await arena.pause(5)
    await arena.settle()


@scenario()
async def market_cuts_connections(arena: Arena) -> None:
    """The marketplace cuts connections in the middle of a question"""
    await meets(arena, hostile.cut, 4)


@scenario()
async def market_fails(arena: Arena) -> None:
    """The marketplace answers 502"""
    await meets(arena, hostile.failing(502), 6)


@scenario()
async def market_slow(arena: Arena) -> None:
    """The marketplace takes four seconds for an answer"""
    await meets(arena, hostile.slow(4), 4)


@scenario()
async def market_dripping(arena: Arena) -> None:
    """The marketplace sends its answers in a hundred pieces over three seconds"""
    await meets(arena, hostile.dripping(100, 3), 4)


@scenario()
async def market_throttling(arena: Arena) -> None:
    """The marketplace throttles: 429, and to come back in three seconds"""
    await meets(arena, hostile.throttled(3))


@scenario()
async def market_html(arena: Arena) -> None:
    """The marketplace serves a protection page in HTML"""
    await meets(arena, hostile.html)


@scenario()
async def market_malformed(arena: Arena) -> None:
    """The marketplace's JSON ends in the middle"""
    await meets(arena, hostile.cut_off)


@scenario()
async def market_empty(arena: Arena) -> None:
    """The marketplace answers 200 and nothing"""
    await meets(arena, hostile.nothing)


@scenario()
async def market_million_rows(arena: Arena) -> None:
    """The marketplace sends a page of a million rows"""
    await meets(arena, hostile.million_rows)


@scenario()
async def market_bomb(arena: Arena) -> None:
    """The marketplace sends 400 MB of nothing, compressed to 2 MB"""
    await meets(arena, hostile.bomb)


@scenario()
async def market_deep_answer(arena: Arena) -> None:
    """The marketplace nests its answer 200,000 levels deep"""
    await meets(arena, hostile.deep)


@scenario()
async def market_deep_row(arena: Arena) -> None:
    """The marketplace nests a row 200,000 levels deep"""
    await meets(arena, hostile.deep_row)


@scenario()
async def market_wrong_types(arena: Arena) -> None:
    """The marketplace sends objects for lists, words for numbers and lists for objects"""
    await meets(arena, hostile.wrong_types)


@scenario()
async def market_broken_rows(arena: Arena) -> None:
    """A third of the rows has fields of wrong types, or lacks them"""
    await arena.open()
    await arena.market.post("faults", name="malformed-rows", rate=0.3)
    await arena.bargain(5)
    await arena.pause(4)
    await arena.market.clear_faults()
    await arena.settle()


@scenario()
async def market_absurd_prices(arena: Arena) -> None:
    """Prices are negative, zero, no numbers, or longer than the universe has atoms"""
    await meets(arena, hostile.absurd(arena.rng, hostile.PRICES, "basePrice", "endedPrice"), 8)


@scenario()
async def market_absurd_times(arena: Arena) -> None:
    """Times lie before the marketplace was founded, behind the end of the calendar, or are no times"""
    await meets(arena, hostile.absurd(arena.rng, hostile.TIMES, "startedAt", "endedAt", "expiredAt"), 8)


@scenario()
async def market_shuffled(arena: Arena) -> None:
    """Pages come shuffled, with a third of their rows twice"""
    await meets(arena, hostile.shuffled(arena.rng), 10)


@scenario()
async def market_schema_drift(arena: Arena) -> None:
    """Optional fields vanish from the marketplace's schema"""
    await arena.open()
    for type_, field in (("Axie", "title"), ("Axie", "axpInfo"), ("Axie", "battleInfo")):
        await arena.market.post("faults", name="vanished-field", type=type_, field=field)
    await arena.bargain(3)
    await arena.settle()
    assert "no longer knows a field" in arena.life.process.err
    await arena.market.clear_faults()
    await arena.bargain()
    await arena.settle()


@scenario()
async def market_essential_drift(arena: Arena) -> None:
    """A field without which no listing can be read vanishes, and comes back"""
    await arena.open()
    await arena.market.post("faults", name="vanished-field", type="Order", field="basePrice")
    await arena.bargain(2)
    await arena.life.process.said("no longer knows Order.basePrice")
    await arena.market.clear_faults()
    await arena.settle()
