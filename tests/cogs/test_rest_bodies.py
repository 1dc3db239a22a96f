"""Every body that the bot sends is one that Discord's own description of its API accepts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import discord
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from cogs import outgoing
from pipeline.market.pages import AxieDetail
from tests.cogs.parts import make_axie, make_listing
from tests.cogs.world import World

DESCRIPTION = Path(__file__).parents[3] / "shared" / "discord" / "openapi.json"
LONGEST_CONTENT = 2000  # the description says 4000, which is for subscribers
JSON_SCHEMA = "requestBody/content/application~1json/schema"
# What discord.py writes besides, by the key it stands under; Discord knows or ignores it.
IGNORED = {"": {"nsfw", "tts"}, "embeds": {"flags", "content_scan_version"}}

pytestmark = pytest.mark.skipif(
    not DESCRIPTION.exists(), reason=f"NOT CHECKED against Discord's API description: no {DESCRIPTION}"
)


@cache
def description() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DESCRIPTION.read_text())
    return loaded


@cache
def registry() -> Registry[Any]:
    return Registry().with_resource("urn:discord", Resource(description(), DRAFT202012))


@cache
def routes() -> list[tuple[re.Pattern[str], str]]:
    found = [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path) for path in description()["paths"]]
    # The most literal first: ".../messages/pins" before ".../messages/{message_id}".
    return sorted(found, key=lambda route: route[1].count("{"))


def schema_of(method: str, path: str) -> dict[str, Any]:
    templates = [template for pattern, template in routes() if pattern.fullmatch(path)]
    for template in templates:
        operation = description()["paths"][template].get(method.lower())
        if operation and "requestBody" in operation:
            content = operation["requestBody"]["content"]
            pointer = (
                f"#/paths/{escaped(template)}/{method.lower()}/requestBody/content/application~1json/schema"
            )
            assert "application/json" in content
            return {"$ref": f"urn:discord{pointer}"}
    raise AssertionError(f"Discord describes no body for {method} {path}")


def escaped(template: str) -> str:
    return template.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


def resolved(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The object schemas that a schema stands for, references and alternatives followed."""
    if reference := schema.get("$ref"):
        at = registry().resolver("urn:discord").lookup(reference.removeprefix("urn:discord"))
        yield from resolved(at.contents)
    yield schema
    for keyword in ("anyOf", "oneOf", "allOf"):
        for alternative in schema.get(keyword, ()):
            yield from resolved(alternative)


def unknown_keys(schema: dict[str, Any], value: Any, where: str = "") -> Iterator[str]:
    """Keys that no alternative of the schema names, at any depth."""
    alternatives = list(resolved(schema))
    if isinstance(value, list):
        items = {"anyOf": [each["items"] for each in alternatives if isinstance(each.get("items"), dict)]}
        for item in value:
            yield from unknown_keys(items, item, where)
    if not isinstance(value, dict) or any(each.get("additionalProperties") for each in alternatives):
        return
    for key, inner in value.items():
        named = [each["properties"][key] for each in alternatives if key in each.get("properties", {})]
        if named:
            yield from unknown_keys({"anyOf": named}, inner, key)
        elif key not in IGNORED.get(where, ()):
            yield f"{where}.{key}"


def faults(method: str, path: str, body: Any) -> list[str]:
    schema = schema_of(method, path)
    validator = Draft202012Validator(schema, registry=registry())
    found = [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(body)]
    found += [f"unknown key {key}" for key in unknown_keys(schema, body)]
    content = body.get("content") if isinstance(body, dict) else None
    if content is not None and len(content) > LONGEST_CONTENT:
        found.append("the content is too long")
    return [f"{method} {path}: {fault}" for fault in found]


async def use_everything(world: World) -> None:
    """Each command once, a success and a refusal, and an alert of each kind."""
    admins = world.guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
    ada = world.guild.add_member(world.env.create_user("ada"), roles=[admins])
    here = world.channel
    await ada.slash(here, "watch add", name="Plants", channel=here, classes="Plant", max_breeds=2)
    await ada.slash(here, "watch add", name="Plants", channel=here)
    await ada.slash(here, "threshold set", watch="Plants", net=2.0)
    await ada.slash(here, "threshold show")
    await ada.slash(here, "watch list")
    await ada.autocomplete(here, "watch remove", "name", "p")
    watch = await world.services.watches.get(world.guild.id, "Plants")
    await world.signal(watch)
    now = world.services.clock.now()
    auction = make_listing(now, ended=10**15, ended_at=make_listing(now).expires_at)
    await world.signal(watch, listing=auction, cautions=("a rate is old",))
    await world.deliver()
    axie = make_axie()
    world.market.details[axie.id] = AxieDetail(axie, None)
    await ada.slash(here, "predict", axie_id=axie.id)
    await ada.slash(here, "predict", axie_id=1)
    await ada.slash(here, "predictions recent")
    await ada.slash(here, "status")
    await ada.slash(here, "model status")
    await ada.slash(here, "model list")
    await ada.slash(here, "model rollback")
    await ada.slash(here, "watch remove", name="Plants")
    message = world.bot.get_partial_messageable(here.id).get_partial_message(world.posted()[0].id)
    await outgoing.edit(message, embed=discord.Embed(title="edited"))
    await ada.slash(here, "model retrain")


async def test_discord_accepts_every_body_that_the_bot_sends(world: World) -> None:
    await use_everything(world)
    sent = [(r.method, r.path, r.json) for r in world.env.http_requests if r.json is not None]
    kinds = {(method, re.sub(r"\d{10,}", "…", path).split("/")[1]) for method, path, _ in sent}
    assert kinds >= {("PUT", "applications"), ("POST", "channels"), ("PATCH", "channels")}
    assert kinds >= {("POST", "interactions"), ("POST", "webhooks")}
    assert [fault for request in sent for fault in faults(*request)] == []


@pytest.mark.parametrize(
    "body",
    [
        {"content": "x" * 2001},
        {"content": "x", "colour": "red"},
        {"embeds": [{"title": "x" * 257}]},
        {"embeds": [{"title": "x", "fields": [{"name": "n", "value": "v", "inlined": True}]}]},
        {"nonce": "n" * 26, "content": "x"},
    ],
)
def test_the_check_itself_finds_what_is_wrong(body: dict[str, Any]) -> None:
    assert faults("POST", "/channels/123456789012345678/messages", body)
