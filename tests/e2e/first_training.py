"""The first model of a market, trained from Discord: what people were told before, meanwhile and after."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sandbox.discord import spawn
from tests.e2e.parts import Market, bot, bot_settings, command, retraining, trained_at_last
from tests.e2e.processes import Finished, until


@dataclass(frozen=True, slots=True)
class FirstTraining:
    """What was answered: before it by door and `/model status`, to a member, to a second wish, at its end."""

    door_before: int
    status_before: str
    to_a_member: str
    to_another: str
    report: str
    edits: int
    status_after: str


@dataclass(frozen=True, slots=True)
class Trained:
    """A market, what `axieflip collect` made of it, and the first model, which was trained from Discord."""

    market: Market
    store: Path
    collecting: Finished
    first: FirstTraining


async def first_training(market: Market, store: Path, folder: Path) -> FirstTraining:
    """Have a bot without a model train one of what was collected, until it is in use."""
    async with spawn() as discord:
        settings = bot_settings(market, discord, store, folder / "axieflip.db")
        async with bot(folder, settings) as running:
            await discord.wait(sessions=1, command="model")
            door_before = (await running.ask("/readyz"))[0]
            status_before = await command(discord, "model status")
            to_a_member = await command(discord, "model retrain", user="member")
            interaction = await retraining(discord)
            to_another = await command(discord, "model retrain")
            report = await trained_at_last(discord, interaction)
            told = await discord.get("interaction", id=interaction)
            await until("the bot is ready with its new model", running.ready, 30)
            status_after = await command(discord, "model status")
    return FirstTraining(
        door_before,
        status_before,
        to_a_member,
        to_another,
        report,
        len(told["response"]["edits"]),
        status_after,
    )
