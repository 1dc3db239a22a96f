"""What Discord's own description of its API says of the bodies that the bot sends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonschema_rs import Draft202012Validator, Registry

DESCRIPTION = Path(__file__).parents[3] / "shared" / "discord" / "openapi.json"
LONGEST_CONTENT = 2000  # the description says 4000, which is for subscribers
# What discord.py writes besides, by the key it stands under; Discord knows or ignores it.
IGNORED = {"": {"nsfw", "tts"}, "message": {"nsfw", "tts"}, "embeds": {"flags", "content_scan_version"}}


@cache
def description() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DESCRIPTION.read_text())
    return loaded


@cache
def validator(pointer: str) -> Draft202012Validator:
    """The validator of what the description has at a place."""
    described = Registry([("urn:discord", description())])
    return Draft202012Validator({"$ref": f"urn:discord{pointer}"}, registry=described)


@cache
def described(pointer: str) -> tuple[dict[str, Any], ...]:
    """The object schemas that the one at a place stands for."""
    found: Any = description()
    for name in pointer.removeprefix("#/").split("/"):
        found = found[unquote(name).replace("~1", "/").replace("~0", "~")]
    return tuple(resolved(found))


@cache
def routes() -> list[tuple[re.Pattern[str], str]]:
    found = [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path) for path in description()["paths"]]
    # The most literal first: ".../messages/pins" before ".../messages/{message_id}".
    return sorted(found, key=lambda route: route[1].count("{"))


def schema_of(method: str, path: str, kind: str = "application/json") -> str:
    """Where the description has the schema of a body."""
    templates = [template for pattern, template in routes() if pattern.fullmatch(path)]
    for template in templates:
        operation = description()["paths"][template].get(method.lower())
        if operation and "requestBody" in operation:
            assert kind in operation["requestBody"]["content"]
            place = f"{method.lower()}/requestBody/content/{escaped(kind)}/schema"
            return f"#/paths/{escaped(template)}/{place}"
    raise AssertionError(f"Discord describes no body for {method} {path}")


def escaped(template: str) -> str:
    return template.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


def resolved(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The object schemas that a schema stands for, references and alternatives followed."""
    if reference := schema.get("$ref"):
        yield from described(reference)
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
    """What Discord would refuse about a body; the same body is looked at once."""
    return list(_faults(method, re.sub(r"\d{15,}", "1" * 18, path), json.dumps(body)))


@cache
def _faults(method: str, path: str, text: str) -> tuple[str, ...]:
    body = json.loads(text)
    # Beside files the body is a part of its own, of the same shape as where there are none.
    files = isinstance(body, dict) and ("attachments" in body or "attachments" in (body.get("data") or {}))
    pointer = schema_of(method, path, "multipart/form-data" if files else "application/json")
    if files:
        for attachment in (body.get("data") or body)["attachments"]:
            attachment["id"] = str(attachment["id"])  # described as a string, and shown as a number
    if path.endswith("/users/@me/channels"):
        body["recipient_id"] = str(body["recipient_id"])  # discord.py writes a number, and Discord takes it
    found = [
        f"{error.instance_path}: {error.message[:200]}" for error in validator(pointer).iter_errors(body)
    ]
    found += [f"unknown key {key}" for key in unknown_keys({"$ref": pointer}, body)]
    content = body.get("content") if isinstance(body, dict) else None
    if content is not None and len(content) > LONGEST_CONTENT:
        found.append("the content is too long")
    return tuple(f"{method} {path}: {fault}" for fault in found)
