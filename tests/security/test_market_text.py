"""Whatever the market writes, nothing that the bot sends pings, links to strangers, or is no valid body."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import discord
import pytest
from simcord.interactions import command_leaves

from pipeline.market.errors import MarketUnavailable
from pipeline.market.pages import AxieDetail
from pipeline.market.values import AxieClass, OrderStatus, Part, Slot
from tests.cogs.conftest import clock, env, prompt_edits, services, short_pauses, workers, world
from tests.cogs.conftest import settings as bot_settings
from tests.cogs.parts import make_axie, make_listing
from tests.cogs.world import World

__all__ = ["clock", "env", "prompt_edits", "services", "short_pauses", "workers", "world"]
settled = pytest.fixture(name="settings")(bot_settings.__wrapped__)  # type: ignore[attr-defined]

NASTY = (
    "@everyone", "@here", "<@1>", "<@!1>", "<@&1>", "<#1>", "</watch:1>", "[free](https://evil.example)",
    "https://evil.example/x", "<https://evil.example>", "HTTP://EVIL.EXAMPLE", "discord.gg/evil", "`", "```x",
    "||", "**", "\n# big", "> quote", "-# small", "\u202egnp.exe", "\u0000", "\u200b@everyone", "<t:1:R>",
    "<a:x:1>", "Z\u0310" * 60, "x" * 5000, "\n" * 500, "", " ", "😀" * 300, "[a](<https://evil.example>)",
    "\\\\[x](https://evil.example)", "@\u200beveryone", "(https://evil.example)", "]( https://evil.example )",
)  # fmt: skip
IMAGES = (
    "https://evil.example/a.png", "https://evilaxieinfinity.com/a.png", "javascript:alert(1)", "https://[",
    "x" * 9000,     "https://axieinfinity.com@evil.example/a.png", "https://evil.example/?axieinfinity.com", "file:///etc/passwd",
    "http://axiecdn.axieinfinity.com/a.png", "https://axiecdn.axieinfinity.com.evil.example/a.png",
)  # fmt: skip
OURS = ("axieinfinity.com", "skymavis.com")
HERE = ("attachment://", "https://discord.com/channels/")  # a file of the message, a message of the server
_MENTION = re.compile(r"<(@[!&]?|#)(\d+)>|@(everyone|here)")
_URL = re.compile(r"(?<!\w)[a-z]+://[^\s)>\]|]+", re.IGNORECASE)


def strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a body, with the key it stands under."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, each in value.items():
            if name == "components":  # their labels are shown as they are; only an address leads somewhere
                yield from (pair for pair in strings(each) if pair[0] == "url")
            elif name != "choices":  # neither is anything else in what is suggested while one types
                yield from strings(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each, key)


def faults(body: dict[str, Any], known: set[str]) -> Iterator[str]:
    """What in a body pings or leads away."""
    message = body.get("data", body)
    if message.get("content"):
        allowed = message.get("allowed_mentions", {})
        if allowed.get("parse") != [] or allowed.get("users") or allowed.get("roles"):
            yield f"may ping: {allowed}"
    for key, text in strings(message):
        for match in _MENTION.finditer(text):
            if match[2] is None or match[2] not in known:
                yield f"mention under {key}: {match[0]}"
        addresses = [text] if key in ("url", "icon_url", "proxy_url") else _URL.findall(text)
        for address in addresses:
            host = urlsplit(address).hostname or ""
            if not address.startswith(HERE) and not any(
                host == each or host.endswith(f".{each}") for each in OURS
            ):
                yield f"link under {key}: {address[:80]}"


def nasty(rng: random.Random) -> str:
    return "".join(rng.choices(NASTY, k=rng.randint(1, 3)))


def hostile(rng: random.Random) -> Any:
    """A listing in which every text of the market is an attack."""
    parts = tuple(Part(nasty(rng), slot, AxieClass.PLANT, special=nasty(rng)) for slot in Slot)
    texts = {name: nasty(rng) for name in ("title", "owner", "genes")}
    axie = make_axie(parts=parts, image=rng.choice(IMAGES), **texts)
    return make_listing(datetime.now(UTC), axie=axie, seller=nasty(rng))


async def everything_is_shown(world: World, admin: Any, listings: list[Any], said: str) -> None:
    """Each kind of message that can hold the market's text."""
    watch = await world.watch(name=f"W{listings[0].axie.id}")
    for listing in listings:
        world.market.details[listing.axie.id] = AxieDetail(listing.axie, listing)
    for listing in listings[:2]:
        await world.signal(watch, listing=listing)
    await world.deliver()
    alerts = [message for message in world.posted() if message.components]
    for listing in listings[2:]:
        await world.signal(watch, listing=listing)
    await world.deliver()
    await world.ends(listings[0], OrderStatus.MATCHED)
    await world.ends(listings[1], OrderStatus.CANCELLED)
    await world.edit()
    for message in alerts[-2:]:
        for label in ("Why", "Mute"):
            shown = await admin.click(message, label=label)
            if label == "Mute" and shown.response is not None and shown.response.components:
                (menu,) = shown.response.components[0]["components"]
                await admin.select(shown.response, [menu["options"][0]["value"]])
    number = listings[0].axie.id
    for command, options in (
        ("axie", {"axie": str(number)}), ("predict", {"axie": str(listings[3].axie.id)}),
        ("predictions recent", {}), ("predictions show", {"axie": str(number)}), ("market", {}),
        ("performance", {}), ("watch show", {"name": watch.name}), ("watch test", {"name": watch.name}),
        ("settings audit", {}), ("status", {}), ("digest", {}),
    ):  # fmt: skip
        leaf = dict(leaves(world))[command]
        for option in (leaf.get("options") or [])[: len(options)]:
            (value,) = options.values()
            options = {option["name"]: int(value) if option["type"] == 4 else value}
        await admin.slash(world.channel, command, **options)
    world.market.failure = MarketUnavailable(f"the marketplace says: {said}")
    await admin.slash(world.channel, "axie", **{axie_option(world): str(number)})
    world.market.failure = None


def leaves(world: World) -> list[tuple[str, dict[str, Any]]]:
    roots = [command.to_dict(world.bot.tree) for command in world.bot.tree.get_commands()]
    return [(" ".join(path), leaf) for root in roots for path, leaf in command_leaves(root)]


def axie_option(world: World) -> str:
    name: str = dict(leaves(world))["axie"]["options"][0]["name"]
    return name


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_text_of_the_market_pings_or_links_in_anything_that_is_sent(
    world: World, prompt_edits: None, short_pauses: None, seed: int
) -> None:
    rng = random.Random(seed)
    admins = world.guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
    admin = world.guild.add_member(world.env.create_user("ada"), roles=[admins])
    since = len(world.env.http_requests)
    await everything_is_shown(world, admin, [hostile(rng) for _ in range(4)], nasty(rng))
    known = {str(each) for each in (world.channel.id, world.manager.id, world.member.id, admin.id, admins.id)}
    sent = [r.json for r in world.env.http_requests[since:] if isinstance(r.json, dict)]
    assert len(sent) > 15
    assert [fault for body in sent for fault in faults(body, known)] == []


def test_these_tests_know_a_ping_and_a_link_when_they_see_one() -> None:
    found = list(faults({"content": "hi @everyone <@&7> [x](https://evil.example)"}, set()))
    assert len(found) == 4
    assert list(faults({"embeds": [{"image": {"url": "https://evil.example/a.png"}}]}, set()))
    assert list(faults({"embeds": [{"title": "see https://evil.example"}]}, set()))
