"""GraphQL that can do without some of its fields.

The marketplace's schema drifts. When it no longer knows an optional field, the field is dropped from every
query from then on; without a required one nothing sensible can be decoded, so losing it is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

# The reference implementation and the gateways built on it say the first, async-graphql the second.
_UNKNOWN = (
    re.compile(r"""Cannot query field ["'](\w+)["'] on type ["'](\w+)["']"""),
    re.compile(r"""Unknown field ["'](\w+)["'] on type ["'](\w+)["']"""),
    re.compile(r"""Field ["'](\w+)["'] (?:doesn't|does not) exist on type ["'](\w+)["']"""),
)


class FieldName(NamedTuple):
    """A field of a type of the marketplace's schema."""

    on: str
    name: str

    def __str__(self) -> str:
        return f"{self.on}.{self.name}"

    @classmethod
    def parse(cls, text: str) -> FieldName:
        """From Type.field."""
        return cls(*text.split("."))


class Field(NamedTuple):
    """A field that we ask for. `text` is written in place of the bare name where it has arguments."""

    on: str
    name: str
    required: bool = True
    children: tuple[Field, ...] = ()
    text: str = ""

    def render(self, dropped: frozenset[FieldName]) -> str:
        """The selection as GraphQL, empty if the field or all that it holds was dropped."""
        if FieldName(self.on, self.name) in dropped:
            return ""
        text = self.text or self.name
        if not self.children:
            return text
        inner = render(self.children, dropped)
        return f"{text} {{ {inner} }}" if inner else ""


def render(fields: Iterable[Field], dropped: frozenset[FieldName]) -> str:
    """A selection set without its braces."""
    return " ".join(text for field in fields if (text := field.render(dropped)))


def walk(fields: Iterable[Field]) -> Iterator[Field]:
    """Every field of a selection, depth first."""
    for field in fields:
        yield field
        yield from walk(field.children)


class Query(NamedTuple):
    """A named operation. Where `alias` is set, the one root field is sent once for every key, as k0, k1, …"""

    name: str
    variables: str
    fields: tuple[Field, ...]
    alias: str = ""

    def document(self, dropped: frozenset[FieldName] = frozenset(), keys: int = 1) -> str:
        """The GraphQL text without the dropped fields; `keys` counts the aliases of a batch."""
        if not self.alias:
            variables = f"({self.variables})" if self.variables else ""
            return f"query {self.name}{variables} {{ {render(self.fields, dropped)} }}"
        root = self.fields[0]
        declared = ", ".join(f"$k{i}: {self.variables}" for i in range(keys))
        aliases = " ".join(f"k{i}: {root.name}({self.alias}: $k{i}) {{ ...row }}" for i in range(keys))
        row, kind = render(root.children, dropped), root.children[0].on
        return f"query {self.name}({declared}) {{ {aliases} }} fragment row on {kind} {{ {row} }}"

    def body(
        self, variables: Mapping[str, object], dropped: frozenset[FieldName] = frozenset()
    ) -> dict[str, object]:
        """What is posted."""
        return {
            "operationName": self.name,
            "query": self.document(dropped, len(variables)),
            "variables": dict(variables),
        }

    def names(self) -> Iterator[FieldName]:
        """The fields that the query asks for; the branches of unions are not fields."""
        return (FieldName(f.on, f.name) for f in walk(self.fields) if not f.text.startswith("..."))

    def required(self, name: FieldName) -> bool | None:
        """Whether the query cannot do without a field; None if it does not ask for it."""
        found = [field.required for field in walk(self.fields) if (field.on, field.name) == name]
        return any(found) if found else None


def unknown_fields(messages: Iterable[str]) -> tuple[FieldName, ...]:
    """The fields that the marketplace says it does not know, in the order of its error messages."""
    found = (match for message in messages for pattern in _UNKNOWN if (match := pattern.search(message)))
    return tuple(dict.fromkeys(FieldName(match[2], match[1]) for match in found))
