"""The champion is missing, damaged or foreign: listings are recorded, and a good one is taken on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from models.signed import Signer
from tests.e2e.parts import SIGNING_KEY
from tests.e2e.processes import until
from tests.range.arena import Arena
from tests.range.register import scenario


def champion_of(store: Path) -> Path:
    """The folder of the version that serves."""
    return store / "models" / json.loads((store / "models/champion.json").read_text())["version"]


async def spoiled(arena: Arena, spoil: Callable[[Path], None], said: str) -> None:
    """The bot goes on with the champion that it has; started anew, it serves none until it is mended."""
    await arena.open()
    kept = arena.folder / "kept"
    shutil.copytree(arena.store / "models", kept)
    spoil(arena.store)
    await arena.bargain(2)
    await arena.settle()
    await arena.stop()
    bot = await arena.launch()
    await bot.process.said(said)
    await bot.address()
    status, checks = await bot.ask("/readyz")
    assert status == 503, checks
    assert not json.loads(checks)["checks"]["model"]["ok"]
    await arena.bargain(2)
    await arena.settle()  # recorded, though nobody could price them
    shutil.rmtree(arena.store / "models")
    shutil.copytree(kept, arena.store / "models")
    await until("the mended champion serves", bot.ready, 60)
    await arena.discord.wait(sessions=1, seconds=60)
    await arena.bargain()
    await arena.settle()


@scenario()
async def champion_missing(arena: Arena) -> None:
    """There is no champion"""
    await arena.open()
    kept = arena.folder / "kept"
    shutil.move(arena.store / "models", kept)
    await arena.stop()
    bot = await arena.launch()
    await bot.address()
    assert (await bot.ask("/readyz"))[0] == 503
    await arena.bargain(2)
    await arena.settle()
    shutil.move(kept, arena.store / "models")
    await until("the champion serves", bot.ready, 60)
    await arena.bargain()
    await arena.settle()


@scenario()
async def champion_corrupt(arena: Arena) -> None:
    """A byte of the champion has changed"""

    def spoil(store: Path) -> None:
        file = max(champion_of(store).iterdir(), key=lambda each: each.stat().st_size)
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)

    await spoiled(arena, spoil, "is damaged or not the one signed")


@scenario()
async def champion_unsigned(arena: Arena) -> None:
    """The champion has no signature"""

    def spoil(store: Path) -> None:
        (champion_of(store) / "signature").unlink()

    await spoiled(arena, spoil, "or it is incomplete")


@scenario()
async def champion_signed_by_another(arena: Arena) -> None:
    """The champion was signed with another key"""

    def spoil(store: Path) -> None:
        folder = champion_of(store)
        signature = Signer(b"a key of somebody else").sign((folder / "card.json").read_bytes())
        (folder / "signature").write_bytes(signature)

    await spoiled(arena, spoil, "is not signed with this key")


@scenario()
async def champion_of_a_newer_version(arena: Arena) -> None:
    """The champion was made by a newer version of the bot"""

    def spoil(store: Path) -> None:
        folder = champion_of(store)
        card = json.loads((folder / "card.json").read_text()) | {"format": 99}
        text = json.dumps(card).encode()
        (folder / "card.json").write_bytes(text)
        (folder / "signature").write_bytes(Signer(SIGNING_KEY.encode()).sign(text))

    await spoiled(arena, spoil, "format")
