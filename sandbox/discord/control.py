"""The control interface under `/control`: look at what happened, make things go wrong, act as a person.

It is the test's and the demo's door, not Discord's. Bodies and answers are JSON; a request that cannot be
served is answered with 400 (malformed), 404 (no such thing) or 409 (refused) and says why.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from simcord.backend.errors import BackendError, SetupError

from sandbox.discord.faults import Fault, Faults, GatewayFault, Outage
from sandbox.discord.gateway import Gateway
from sandbox.discord.people import People
from sandbox.discord.rest import Rest
from sandbox.discord.views import show_interaction, show_message
from sandbox.discord.world import World

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[Any]]
WAIT = 15.0


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class SlashBody(_Body, frozen=True):
    """A slash command; `command` names groups and command ("watch add"), `seconds` bounds the wait."""

    user: str
    channel: str | int
    command: str
    options: dict[str, Any] = {}
    seconds: float = WAIT


class AutocompleteBody(_Body, frozen=True):
    """Typing `value` into `option`, with `options` filled in already."""

    user: str
    channel: str | int
    command: str
    option: str
    value: str = ""
    options: dict[str, Any] = {}


class ClickBody(_Body, frozen=True):
    """A click on a button, or with `values` a choice in a menu."""

    user: str
    message: int
    custom_id: str
    values: list[str] | None = None
    seconds: float = WAIT


class ModalBody(_Body, frozen=True):
    """The values typed into the modal that interaction `interaction` opened."""

    user: str
    interaction: int
    values: dict[str, Any]
    seconds: float = WAIT


class MessageBody(_Body, frozen=True):
    """A person's message."""

    user: str
    channel: str | int
    content: str


class ChannelBody(_Body, frozen=True):
    """A change of a channel: deletion, or what the bot may do there from now on."""

    id: str | int
    delete: bool = False
    deny: list[str] = []
    allow: list[str] = []


class GuildBody(_Body, frozen=True):
    """A change of the guild: the bot is removed from it."""

    remove: bool


class Control:
    """Serves the control interface of one world."""

    def __init__(self, world: World, gateway: Gateway, rest: Rest, faults: Faults) -> None:
        self._world, self._gateway, self._rest, self._faults = world, gateway, rest, faults
        self._people = People(world)

    def routes(self) -> list[web.RouteDef]:
        """The routes to add to an application."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", "status", self._status),
            ("GET", "wait", self._wait),
            ("GET", "messages", self._messages),
            ("GET", "requests", self._requests),
            ("GET", "interaction", self._interaction),
            ("GET", "faults", self._show_faults),
            ("POST", "faults", self._arm),
            ("DELETE", "faults", self._disarm),
            ("POST", "slash", self._slash),
            ("POST", "autocomplete", self._autocomplete),
            ("POST", "click", self._click),
            ("POST", "modal", self._modal),
            ("POST", "message", self._say),
            ("POST", "channel", self._channel),
            ("POST", "guild", self._guild),
        ]
        return [web.route(method, f"/control/{name}", _guarded(call)) for method, name, call in table]

    # ------------------------------------------------------------------ looking

    def _commands(self) -> list[str]:
        scopes = self._world.backend.commands.values()
        return sorted({name for scope in scopes for name, _ in scope})

    async def _status(self, _: web.Request) -> dict[str, Any]:
        return {
            "sessions": self._gateway.connected(),
            "identified": self._gateway.identified,
            "resumed": self._gateway.resumed,
            "commands": self._commands(),
            "refused": self._rest.limiter.refused,
            **self._faults.describe(),
        }

    async def _wait(self, request: web.Request) -> dict[str, Any]:
        """Wait for sessions, identifies, resumes, a command, a number of messages; false after `seconds`."""
        query = request.query

        def came_true() -> bool:
            gateway = self._gateway
            if len(gateway.connected()) < int(query.get("sessions", 0)):
                return False
            if gateway.identified < int(query.get("identified", 0)):
                return False
            if gateway.resumed < int(query.get("resumed", 0)):
                return False
            if "command" in query and query["command"] not in self._commands():
                return False
            return len(self._listed(query)) >= int(query.get("messages", 0))

        met = await self._world.pulse.until(came_true, float(query.get("seconds", WAIT)))
        return {"met": met}

    def _listed(self, query: Any) -> list[dict[str, Any]]:
        backend = self._world.backend
        wanted = [self._world.channel(query["channel"]).id] if "channel" in query else list(backend.messages)
        hidden = query.get("ephemeral", "") in {"1", "true"}
        return [
            show_message(self._world, message)
            for channel_id in wanted
            for message in sorted(backend.messages.get(channel_id, {}).values(), key=lambda item: item.id)
            if hidden or not message.is_ephemeral
        ]

    async def _messages(self, request: web.Request) -> list[dict[str, Any]]:
        return self._listed(request.query)

    async def _requests(self, request: web.Request) -> list[dict[str, Any]]:
        query = request.query
        since, method, prefix = float(query.get("since", 0)), query.get("method"), query.get("path", "")
        return [
            asdict(entry)
            for entry in tuple(self._rest.log)
            if entry.at >= since and method in (None, entry.method) and entry.path.startswith(prefix)
        ]

    async def _interaction(self, request: web.Request) -> dict[str, Any]:
        return show_interaction(self._world, self._people.interaction(int(request.query["id"])))

    # ------------------------------------------------------------------ breaking

    async def _show_faults(self, _: web.Request) -> dict[str, Any]:
        return self._faults.describe()

    async def _arm(self, request: web.Request) -> dict[str, Any]:
        raw = await request.read()
        many = raw.lstrip().startswith(b"[")
        specs = msgspec.json.decode(raw, type=list[Fault]) if many else [msgspec.json.decode(raw, type=Fault)]
        struck = 0
        for spec in specs:
            match spec:
                case Outage():
                    self._faults.outage = self._gateway.down = spec.on
                    if spec.on:
                        self._gateway.abort()
                case GatewayFault():
                    struck += self._strike(spec)
                case _:
                    self._faults.arm(spec)
        return {"armed": len(specs), "struck": struck}

    def _strike(self, spec: GatewayFault) -> int:
        match spec.action:
            case "reconnect":
                return self._gateway.reconnect()
            case "invalidate":
                return self._gateway.invalidate(resumable=spec.resumable)
            case "close":
                return self._gateway.close_all(spec.code)
            case "dead":
                return self._gateway.silence()

    async def _disarm(self, _: web.Request) -> dict[str, Any]:
        self._faults.clear()
        self._gateway.down = False
        return {"armed": 0}

    # ------------------------------------------------------------------ acting

    async def _slash(self, request: web.Request) -> dict[str, Any]:
        body = await _body(request, SlashBody)
        return await self._people.slash(body.user, body.channel, body.command, body.options, body.seconds)

    async def _autocomplete(self, request: web.Request) -> list[dict[str, Any]]:
        body = await _body(request, AutocompleteBody)
        return await self._people.autocomplete(
            body.user, body.channel, body.command, body.option, body.value, body.options
        )

    async def _click(self, request: web.Request) -> dict[str, Any]:
        body = await _body(request, ClickBody)
        if body.values is None:
            return await self._people.click(body.user, body.message, body.custom_id, body.seconds)
        return await self._people.select(body.user, body.message, body.custom_id, body.values, body.seconds)

    async def _modal(self, request: web.Request) -> dict[str, Any]:
        body = await _body(request, ModalBody)
        return await self._people.submit(body.user, body.interaction, body.values, body.seconds)

    async def _say(self, request: web.Request) -> dict[str, Any]:
        body = await _body(request, MessageBody)
        return {"id": await self._people.say(body.user, body.channel, body.content)}

    async def _channel(self, request: web.Request) -> dict[str, Any]:
        body = await _body(request, ChannelBody)
        channel_id = self._world.channel(body.id).id
        if body.delete:
            self._world.delete_channel(channel_id)
        else:
            self._world.overwrite(channel_id, body.deny, body.allow)
        return {"id": channel_id, "deleted": body.delete}

    async def _guild(self, request: web.Request) -> dict[str, Any]:
        body = await _body(request, GuildBody)
        if body.remove:
            self._world.remove_bot()
        return {"removed": body.remove}


async def _body(request: web.Request, kind: type[T]) -> T:
    return msgspec.json.decode(await request.read(), type=kind)


def _guarded(call: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Turn a handler's value into JSON, and what it raises into a status with a reason."""

    async def handler(request: web.Request) -> web.Response:
        try:
            return _json(200, await call(request))
        except LookupError as error:
            return _json(404, {"error": str(error.args[0]) if error.args else repr(error)})
        except (SetupError, BackendError) as error:
            notes = getattr(error, "__notes__", [])
            return _json(409, {"error": "; ".join([str(error), *notes])})
        except ValueError as error:  # msgspec's errors of decoding and validation among them
            return _json(400, {"error": str(error)})

    return handler


def _json(status: int, value: Any) -> web.Response:
    return web.Response(status=status, text=json.dumps(value), content_type="application/json")
