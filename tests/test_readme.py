"""What the README promises that code can be held against."""

from __future__ import annotations

import re
from pathlib import Path

import discord

from sandbox.discord.world import BOT_PERMISSIONS

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_invitation_grants_what_the_simulated_bot_has_and_names_each() -> None:
    (number,) = re.findall(r"&permissions=(\d+)", README)
    assert discord.Permissions(int(number)) == BOT_PERMISSIONS
    (named,) = re.findall(r"That grants ([^;]+);", README)
    granted = [name for name, granted in BOT_PERMISSIONS if granted]
    spoken = {name.replace("_", " ").title().replace(" In ", " in ") for name in granted}
    assert set(re.split(r", | and ", named)) == spoken - {"Read Messages"} | {
        "View Channel"
    }  # one and the same
