"""Side data: dated tables from web pages, each source failing for itself alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from pipeline.datasets import Damaged
from pipeline.objects import LocalStore
from pipeline.side import (
    Dated,
    PartStrength,
    PartStrengths,
    SideError,
    gather,
    part_strength_tables,
    part_strengths,
)
from pipeline.side.markup import LayoutError, stated_day, table
from pipeline.side.pages import browser
from pipeline.side.tables import store_table
from sandbox.marketplace import MarketConfig, serve

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
TODAY = NOW.date()
TINY = MarketConfig(speed=0, history_days=0.05, book=60)
HEAD = "<tr><th>Name</th><th>tier</th><th>Part</th><th>Defence</th><th>Attack</th><th>Energy</th></tr>"


def row(part: str, tier: str = "A", defence: object = 30, attack: object = 60, energy: object = 1) -> str:
    cells = ("Ronin", tier, part, defence, attack, energy)
    return "<tr>" + "".join(f"<td> <b>{cell}</b>\n</td>" for cell in cells) + "</tr>"


def page(*rows: str, head: str = HEAD, before: str = "") -> str:
    return f"<html><body>{before}<table>{head}{''.join(rows)}</table></body></html>"


@asynccontextmanager
async def site(text: str, status: int = 200) -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status, content_type="text/html")

    app = web.Application()
    app.add_routes([web.get("/parts", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/parts"
    finally:
        await runner.cleanup()


async def test_the_simulated_games_table_is_read_stored_and_joined_as_of_its_date(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    async with serve(TINY) as market:
        told = await gather([PartStrengths(f"{market.parts}?plain")], store, "run", NOW)
        effects = market.world.economy.population.builds.effects
    day = TINY.epoch.date() - timedelta(days=15)
    assert f"as of {day}" in told["part_strengths"]
    strengths = part_strengths(store, NOW)
    assert strengths is not None
    assert len(strengths) > 1_000
    assert part_strengths(store, NOW - timedelta(days=40)) is None
    assert strengths["back-ronin"] == PartStrength("back-ronin", *_fights(strengths["back-arcane-ronin"])), (
        "special parts fight as the ordinary ones do"
    )
    tiers = [strengths[f"horn-{name}"].tier for name in ("imp", "cactus", "eggshell", "anemone")]
    assert all(1 <= tier <= 5 for tier in tiers)
    horns = [(strengths[pid].tier, effects[3][number]) for pid, number in _horns()]
    assert np.corrcoef(*zip(*horns, strict=True))[0, 1] > 0.4, "strength tells something of a part's value"


def _fights(strength: PartStrength) -> tuple[int, int, int, int]:
    return strength.tier, strength.energy, strength.attack, strength.defence


def _horns() -> list[tuple[str, int]]:
    from sandbox.marketplace.catalogue import NUMBERS

    return [(pid, number) for pid, (slot, number) in NUMBERS.items() if slot == 3]


@pytest.mark.skipif(browser() is None, reason="NO BROWSER HERE: install chromium to test pages that need one")
async def test_a_page_that_builds_itself_is_read_through_a_browser() -> None:
    async with serve(TINY) as market:
        built = await PartStrengths(market.parts).read(TODAY)
        plain = await PartStrengths(f"{market.parts}?plain").read(TODAY)
    assert built == plain


async def test_without_a_browser_such_a_page_costs_the_table_and_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    async with serve(TINY) as market:
        told = await gather([PartStrengths(market.parts)], LocalStore(tmp_path), "run", NOW)
    assert "install Chromium and the extra `browser`" in told["part_strengths"]
    assert not LocalStore(tmp_path).list("side/")


@pytest.mark.parametrize(
    ("fault", "said"), [("page-down", "HTTP 503"), ("page-changed", "no table with the columns Part, Tier")]
)
async def test_a_source_that_is_down_or_has_changed_is_named_and_nothing_is_stored(
    tmp_path: Path, fault: str, said: str
) -> None:
    store = LocalStore(tmp_path)
    async with serve(TINY) as market:
        market.world.faults.add({"name": fault})
        told = await gather([PartStrengths(f"{market.parts}?plain")], store, "run", NOW)
    assert said in told["part_strengths"]
    assert part_strengths(store, NOW) is None


async def test_one_source_fails_alone(tmp_path: Path) -> None:
    class Broken:
        name = "weather"

        async def read(self, today: date) -> Dated[PartStrength]:
            raise ZeroDivisionError("nobody thought of this")

    store = LocalStore(tmp_path)
    async with site(page(row("back-ronin"))) as url:
        told = await gather([Broken(), PartStrengths(url)], store, "run", NOW)
    assert told == {
        "weather": "nothing: ZeroDivisionError: nobody thought of this",
        "part_strengths": "1 rows as of 2026-07-01",
    }


async def test_bad_rows_are_set_aside_and_a_page_of_them_is_refused() -> None:
    good = [row(f"back-{number}") for number in range(8)]
    bad = [row("", "A"), row("x", "Z"), row("x", attack="-5"), row("x", energy="9" * 30)]
    async with site(page(*good, *bad)) as url:
        read = await PartStrengths(url).read(TODAY)
    assert (len(read.rows), read.rejected) == (8, 4)
    async with site(page(*good[:3], *bad)) as url:
        with pytest.raises(SideError, match="4 of 7 rows make no sense"):
            await PartStrengths(url).read(TODAY)
    async with site(page()) as url:
        with pytest.raises(SideError, match="0 of 0 rows"):
            await PartStrengths(url).read(TODAY)


async def test_columns_are_found_by_name_wherever_they_stand() -> None:
    other = "<table><tr><th>News</th></tr><tr><td>none</td></tr></table>"
    async with site(page(row("back-ronin", "s"), before=other)) as url:
        read = await PartStrengths(url).read(TODAY)
    assert read.rows == (PartStrength("back-ronin", tier=5, energy=1, attack=60, defence=30),)
    assert (read.day, read.stated) == (TODAY, False)


@pytest.mark.parametrize(
    ("time", "day"),
    [
        ('<time datetime="2026-06-15">', date(2026, 6, 15)),
        ('<time datetime="2026-06-15T08:00:00Z">', date(2026, 6, 15)),
        ('<time datetime="2027-01-01">', TODAY),  # not yet: then it holds since it was read
        ('<time datetime="soon">', TODAY),
        ("", TODAY),
    ],
)
async def test_a_table_holds_from_the_day_that_its_page_states(time: str, day: date) -> None:
    async with site(page(row("back-ronin"), before=time)) as url:
        assert (await PartStrengths(url).read(TODAY)).day == day


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    stated_day(text)
    with pytest.raises(LayoutError):
        table(f"<table>{text}</table>", ("Part", "Tier"))


def rows(attack: int) -> tuple[PartStrength, ...]:
    return (PartStrength("back-ronin", 3, 1, attack, 20),)


def test_the_same_table_is_stored_once_and_a_changed_one_is_dated_today(tmp_path: Path) -> None:
    store, stated = LocalStore(tmp_path), date(2026, 6, 1)
    assert store_table(store, "part_strengths", "a", Dated(stated, rows(50), stated=True), TODAY)
    assert store_table(store, "part_strengths", "b", Dated(stated, rows(50), stated=True), TODAY) is None
    assert store_table(store, "part_strengths", "c", Dated(stated, rows(70), stated=True), TODAY)
    assert [(table.day, table.rows[0].attack) for table in part_strength_tables(store)] == [
        (stated, 50),
        (TODAY, 70),
    ]
    for day, attack in ((5, 50), (30, 50), (31, 70)):
        held = part_strengths(store, datetime(2026, 6, 1, tzinfo=UTC) + timedelta(days=day - 1))
        assert held is not None
        assert held["back-ronin"].attack == attack


@pytest.mark.parametrize("cut", [0, 1, 20, -1])
def test_a_damaged_table_is_reported_and_the_one_before_counts(tmp_path: Path, cut: int) -> None:
    store = LocalStore(tmp_path)
    store_table(store, "part_strengths", "a", Dated(date(2026, 6, 1), rows(50)), TODAY)
    key = store_table(store, "part_strengths", "b", Dated(date(2026, 6, 20), rows(70)), TODAY)
    assert key is not None
    store.put(key, store.get(key)[:cut])
    damaged: list[Damaged] = []
    assert [table.rows[0].attack for table in part_strength_tables(store, damaged)] == [50]
    assert [item.key for item in damaged] == [key]
