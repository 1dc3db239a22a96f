"""Two servers, what one of them has that the other must not see or change, and ways to try."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import discord
from discord import SelectOption, ui
from hypothesis import strategies as st
from simcord.actors import _component_interaction, _dispatch_actor_interaction
from simcord.enums import InteractionType
from simcord.interactions import command_leaves
from sqlalchemy import select

from bot.db.servers import GuildRow
from bot.db.tables import AlertRow, Base, ClaimRow
from bot.services.guild_settings import Area
from bot.services.mutes import Kind
from bot.services.watches import Watch
from pipeline.signal import Filters, Thresholds
from tests.cogs.world import World

BACKGROUND = {"parts", "watcher_state"}  # the bot itself writes these, whoever asks for what
MARK = "q7x"  # in every name that only the first server knows


@dataclass
class Scene:
    """The world's own server with its secrets, and a second one with people who want them."""

    world: World
    other: Any
    hall: Any
    boss: Any  # administrator of the second server
    keeper: Any  # who manages its channels
    visitor: Any  # an ordinary member of it
    watch: Watch  # of the first server
    own: Watch  # of the second one
    alerts: list[int]  # of the first server
    mute: int
    secrets: tuple[str, ...]

    async def rows(self, guild_id: int | None) -> dict[str, list[tuple[Any, ...]]]:
        """What is stored of a server, or of all of them; the bot's own memory left out."""
        found: dict[str, list[tuple[Any, ...]]] = {}
        async with self.world.services.db.reading() as session:
            for table in Base.metadata.sorted_tables:
                wanted = select(table)
                if guild_id is not None and "guild_id" in table.c:
                    wanted = wanted.where(table.c.guild_id == guild_id)
                elif guild_id is not None and table.name == GuildRow.__tablename__:
                    wanted = wanted.where(table.c.id == guild_id)
                elif guild_id is not None and table.name == ClaimRow.__tablename__:
                    of = select(AlertRow.id).where(AlertRow.guild_id == guild_id)
                    wanted = wanted.where(table.c.alert_id.in_(of))
                elif guild_id is not None or table.name in BACKGROUND:
                    continue
                found[table.name] = sorted(map(tuple, await session.execute(wanted)), key=repr)
        return found

    def leaves(self) -> list[tuple[str, dict[str, Any]]]:
        """Every command of the tree, with its options as Discord knows them."""
        tree = self.world.bot.tree
        roots = [command.to_dict(tree) for command in tree.get_commands()]
        return [(" ".join(path), leaf) for root in roots for path, leaf in command_leaves(root)]

    async def forge(self, person: Any, custom_id: str, values: list[str] | None) -> None:
        """Press a button, or choose from a menu, that was never shown."""
        channel: Any = self.world.bot.get_channel(self.hall_of(person).id)
        view = ui.View(timeout=None)  # the library looks for what is pressed in its message
        if values is None:
            view.add_item(ui.Button(label="x", custom_id=custom_id))
        else:
            choices = [SelectOption(label=value or "x", value=value) for value in values]
            view.add_item(ui.Select(custom_id=custom_id, options=choices))
        message = await channel.send("x", view=view)
        view.stop()
        stored = self.world.env.backend.get_message(channel.id, message.id)
        data: dict[str, Any] = {"custom_id": custom_id, "component_type": 2 if values is None else 3}
        await _component_interaction(person, stored, data | ({} if values is None else {"values": values}))

    async def submit(self, person: Any, custom_id: str, fields: dict[str, str]) -> None:
        """Send a form that was never shown."""
        rows = []
        for number, (name, value) in enumerate(fields.items(), 1):
            inner = {"type": 4, "custom_id": name, "value": value, "id": 90 + number}
            rows.append({"type": 18, "id": number, "component": inner})
        data = {"custom_id": custom_id, "components": rows}
        await _dispatch_actor_interaction(person, InteractionType.MODAL_SUBMIT, self.hall_of(person), data)

    def hall_of(self, person: Any) -> Any:
        return self.hall if person.guild.id == self.other.id else self.world.channel

    def said(self, since: int) -> str:
        """Every body that the bot has sent to Discord since so many requests."""
        return json.dumps(
            [r.json for r in self.world.env.http_requests[since:]], default=str, ensure_ascii=False
        )

    @property
    def requests(self) -> int:
        return len(self.world.env.http_requests)


async def scene(world: World) -> Scene:
    """Both servers, with a watch, alerts, a claim, a mute, settings and an audit log in the first."""
    services, guild = world.services, world.guild
    secret = guild.create_text_channel(f"vault-{MARK}")
    watch = await world.watch(secret, f"Bargains {MARK}")
    for _ in range(2):
        await world.signal(watch)
    await world.page(watch, count=3)
    await world.deliver()
    alerts = [row[0] for row in (await _all(world, select(AlertRow.id)))]
    await services.claims.claim(alerts[0], world.member.id, f"ann {MARK}")
    role = guild.create_role(f"Trainers-{MARK}")
    await services.guilds.grant(guild.id, world.manager.id, Area.MODEL, role.id)
    later = datetime.now(UTC) + timedelta(hours=4)
    mute = await services.mutes.add(
        guild.id, Kind.SELLER, f"0x{MARK}", f"seller {MARK}", later, world.manager.id
    )
    other = world.env.create_guild("elsewhere")
    hall = other.create_text_channel("hall")
    made = {
        name: other.create_role(name, permissions=discord.Permissions(**{right: True}))
        for name, right in {"bosses": "administrator", "keepers": "manage_channels"}.items()
    }
    own = await services.watches.add(other.id, hall.id, "Own", Thresholds(), Filters(), 1)
    return Scene(
        world,
        other,
        hall,
        other.add_member(world.env.create_user("bea"), roles=[made["bosses"]]),
        other.add_member(world.env.create_user("kit"), roles=[made["keepers"]]),
        other.add_member(world.env.create_user("vera")),
        watch,
        own,
        alerts,
        mute.id,
        (MARK, str(secret.id), str(role.id), str(world.manager.id)),
    )


async def _all(world: World, wanted: Any) -> list[Any]:
    async with world.services.db.reading() as session:
        return list(await session.execute(wanted))


def options(scene: Scene, person: Any, leaf: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Options of a command that are valid to Discord, and as often as not about the first server's things."""
    required, free = {}, {}
    for option in leaf.get("options") or []:
        (required if option.get("required") else free)[option["name"]] = _value(scene, person, option)
    return st.fixed_dictionaries(required, optional=free)


def ids(scene: Scene) -> st.SearchStrategy[int]:
    """Numbers of the first server's things, and of nothing."""
    return st.sampled_from([scene.watch.id, *scene.alerts, scene.mute, scene.world.guild.id, 0, 1, 999])


def _value(scene: Scene, person: Any, option: dict[str, Any]) -> st.SearchStrategy[Any]:
    if choices := option.get("choices"):
        return st.sampled_from([choice["value"] for choice in choices])
    low, high = option.get("min_value"), option.get("max_value")
    match option["type"]:
        case 4:
            within = ids(scene).filter(
                lambda id_: (low is None or id_ >= low) and (high is None or id_ <= high)
            )
            return within | st.integers(low or 0, high or 10_000)
        case 10:
            return st.floats(low or 0, high or 10_000, allow_nan=False)
        case 5:
            return st.booleans()
        case 7:
            return st.just(scene.hall_of(person))
        case 8:
            return st.just(person.guild.default_role)
        case 6:
            return st.just(person)
    shortest, longest = option.get("min_length") or 0, option.get("max_length") or 60
    words = st.sampled_from(
        ["Bargains", "bargains", "*", "%", "all", "Plant", "ETH", "UTC", "22-7", "5-", "v1", "off"]
    )
    text = ids(scene).map(str) | words | st.text(min_size=shortest, max_size=min(longest, 30))
    return text.filter(lambda value: shortest <= len(value) <= longest)
