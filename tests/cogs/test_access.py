"""Who may steer the model, which belongs to all servers that the bot is on."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from bot.services.guild_settings import Area
from tests.cogs.world import World, text


def with_role(world: World, name: str, permissions: discord.Permissions | None = None) -> tuple[Any, Any]:
    role = world.guild.create_role(name, permissions=permissions)
    return world.guild.add_member(world.env.create_user(name.lower()), roles=[role]), role


@pytest.fixture
def admin(world: World) -> Any:
    return with_role(world, "Admins", discord.Permissions(administrator=True))[0]


async def steered(world: World, person: Any) -> str:
    return text(await person.slash(world.channel, "model status"))


async def test_administrators_steer_the_model_of_the_only_server(world: World, admin: Any) -> None:
    assert "You need" not in await steered(world, admin)
    for person in (world.manager, world.member):
        assert "Administrator" in await steered(world, person)


async def test_a_role_may_be_given_the_model(world: World) -> None:
    person, role = with_role(world, "Trainers")
    assert "Administrator" in await steered(world, person)
    await world.services.guilds.grant(world.guild.id, 1, Area.MODEL, role.id)
    assert "You need" not in await steered(world, person)


async def test_no_stranger_steers_a_model_that_other_servers_use(
    world: World, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.env.create_guild("elsewhere")
    assert "belongs to all servers" in await steered(world, admin)

    async def owns(_: object) -> bool:
        return True

    monkeypatch.setattr(world.bot, "is_owner", owns)
    assert "belongs to all servers" not in await steered(world, admin)
