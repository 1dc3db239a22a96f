"""People acting through the control interface: slash commands, clicks, menus, modals and typing.

Each act is a real interaction sent to the remote bot. It is over when the bot has answered it for good:
a deferred answer is waited for, and what came of it is read from the backend afterwards.
"""

from __future__ import annotations

import time
from typing import Any

from simcord.backend.models import Interaction, ResponseKind
from simcord.builders import RoleHandle, UserHandle
from simcord.enums import OptionType
from simcord.interactions import walk_to_subcommand
from simcord.results import InteractionResult, ResponseMessage

from sandbox.discord.views import show_interaction
from sandbox.discord.world import World


class People:
    """Lets the admin and the member of a world act, one act at a time."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def slash(
        self, user: str, channel: str | int, command: str, options: dict[str, Any], seconds: float
    ) -> dict[str, Any]:
        """Run a slash command ("group name") and wait for its answer."""
        actor, place = self._world.person(user), self._world.channel(channel)
        began = time.perf_counter()
        async with self._world.acting:
            values = self._values(command, options)
            result = await actor.slash(place, command, **values)
        return await self._outcome(result, began, seconds)

    async def autocomplete(
        self, user: str, channel: str | int, command: str, option: str, value: str, options: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Type into an option; return the choices that the bot offers."""
        actor, place = self._world.person(user), self._world.channel(channel)
        async with self._world.acting:
            filled = self._values(command, options)
            choices: list[dict[str, Any]] = await actor.autocomplete(place, command, option, value, **filled)
        return choices

    async def click(self, user: str, message: int, custom_id: str, seconds: float) -> dict[str, Any]:
        """Click a button and wait for what it does."""
        actor = self._world.person(user)
        began = time.perf_counter()
        async with self._world.acting:
            target = ResponseMessage(self._world.env, self._world.message(message))
            result = await actor.click(target, custom_id=custom_id)
        return await self._outcome(result, began, seconds)

    async def select(
        self, user: str, message: int, custom_id: str, values: list[str], seconds: float
    ) -> dict[str, Any]:
        """Choose in a string menu and wait for what it does."""
        actor = self._world.person(user)
        began = time.perf_counter()
        async with self._world.acting:
            target = ResponseMessage(self._world.env, self._world.message(message))
            result = await actor.select(target, values, custom_id=custom_id)
        return await self._outcome(result, began, seconds)

    async def submit(
        self, user: str, interaction: int, values: dict[str, Any], seconds: float
    ) -> dict[str, Any]:
        """Fill in the modal that an earlier interaction opened, and wait for the answer."""
        actor = self._world.person(user)
        began = time.perf_counter()
        async with self._world.acting:
            shown = InteractionResult(self._world.env, self.interaction(interaction))
            result = await actor.submit_modal(shown, values)
        return await self._outcome(result, began, seconds)

    async def say(self, user: str, channel: str | int, content: str) -> int:
        """Post a message; return its id."""
        actor, place = self._world.person(user), self._world.channel(channel)
        async with self._world.acting:
            return int((await actor.send(place, content)).id)

    def interaction(self, interaction_id: int) -> Interaction:
        """The record of an interaction; `LookupError` if there was none."""
        try:
            return self._world.backend.interactions[interaction_id]
        except KeyError:
            raise LookupError(f"no interaction {interaction_id}") from None

    def _values(self, command: str, options: dict[str, Any]) -> dict[str, Any]:
        """Turn ids given for users, channels and roles into what simcord wants for them."""
        world, (root, *path) = self._world, command.split()
        spec = world.backend.find_command(root, world.guild.id)
        if spec is None:
            return options  # the actor explains which commands there are
        leaf, _ = walk_to_subcommand(spec, path)
        types = {item["name"]: item["type"] for item in leaf.get("options") or []}
        return {name: self._entity(types.get(name), value) for name, value in options.items()}

    def _entity(self, kind: int | None, value: Any) -> Any:
        world = self._world
        if kind == OptionType.CHANNEL:
            return world.channel(value)
        if kind == OptionType.ROLE:
            return self._role(value)
        if kind in (OptionType.USER, OptionType.MENTIONABLE):
            for name, actor in world.people.items():
                if str(value) in (name, str(actor.id)):
                    return actor
            if kind == OptionType.MENTIONABLE:
                return self._role(value)
            return UserHandle(world.env, world.backend.get_user(int(value)))
        return value

    def _role(self, value: Any) -> RoleHandle:
        role_id = self._world.roles.get(str(value)) or int(value)
        role = self._world.backend.get_role(self._world.guild.id, role_id)
        return RoleHandle(self._world.env, self._world.guild, role)

    async def _outcome(self, result: InteractionResult, began: float, seconds: float) -> dict[str, Any]:
        """Wait until nothing more is owed for this interaction, at most `seconds` in all."""
        record: Interaction = result._interaction
        took = time.perf_counter() - began
        opened = self._world.clock.now().timestamp() - took

        def finished() -> bool:
            if (
                record.response_kind == ResponseKind.DEFERRED_UPDATE
            ):  # owes an edit of its message, or a follow-up
                edits = self._world.edits.get(record.message_id or 0, [])
                return bool(record.followup_ids) or any(edit["at"] >= opened for edit in edits)
            return record.responded and not record.loading

        if record.responded:
            await self._world.pulse.until(finished, max(0.0, seconds - took))
        shown = show_interaction(self._world, record)
        return shown | {"acknowledged_ms": round(took * 1000, 1), "finished": finished()}
