"""What the HTTP door tells of itself: an OpenAPI 3.1 description, made from its table of operations.

The same table makes the routes and the same types check what is sent, so that the three cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import msgspec
from msgspec import Struct

from bot.asked import Question, schema

_REFERENCE = "#/components/schemas/{name}"


class Fault(Struct, frozen=True, forbid_unknown_fields=True):
    """Why there is no answer, in a sentence."""

    error: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers with one status: a value of one of the types."""

    about: str
    types: tuple[type, ...] = (Fault,)
    content: str = "application/json"


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked of the door."""

    method: str
    path: str
    name: str
    about: str
    answers: Mapping[int, Answer]
    asks: type[Struct] | None = None
    secured: bool = False
    # What the guard answers to any of them.
    common: Mapping[int, Answer] = field(
        default_factory=lambda: {
            400: Answer("The request is malformed."),
            403: Answer("A web page asks."),
            421: Answer("It was not addressed to this machine."),
            429: Answer("Too many requests; Retry-After says how many seconds to wait."),
            500: Answer("A fault in the bot."),
        }
    )


def describe(operations: Sequence[Operation], *, secured: bool) -> dict[str, Any]:
    """The description. `secured` tells whether a token is set at all."""
    types = {
        each for operation in operations for answer in _answers(operation).values() for each in answer.types
    }
    asked = {operation.asks for operation in operations if operation.asks is not None}
    wanted = sorted((types | asked) - {str}, key=str)
    schemas, components = msgspec.json.schema_components(wanted, ref_template=_REFERENCE)
    of = dict(zip(wanted, schemas, strict=True)) | {str: {"type": "string"}}
    components[Question.__name__] = schema(components[Question.__name__])
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, of, secured)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "axieflip",
            "version": version("axieflip"),
            "description": "Health, metrics, and a price for an axie or a listing.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _answers(operation: Operation) -> dict[int, Answer]:
    return {**operation.common, **operation.answers}


def _operation(operation: Operation, of: Mapping[Any, Any], secured: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.about,
        "responses": {
            str(status): {
                "description": answer.about,
                "content": {answer.content: {"schema": {"anyOf": [of[each] for each in answer.types]}}},
            }
            for status, answer in sorted(_answers(operation).items())
        },
    }
    if operation.asks is not None:
        content = {"application/json": {"schema": of[operation.asks]}}
        told["requestBody"] = {"required": True, "content": content}
    if secured and operation.secured:
        told["security"] = [{"token": []}]
    return told
