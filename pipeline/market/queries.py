"""The GraphQL that we send: named operations that ask for few fields, some of which we can do without.

The marketplace's schema drifts. When it no longer knows an optional field, the field is dropped from every
query from then on; without a required one nothing sensible can be decoded, so losing it is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

AXIE_CONTRACT = "0x32950db2a7164ae833121501c797d79e7b79d74c"
ADULT = 4
BATCH = 50
"""Aliases in one request."""
OFFSET_CAP = 10_000
"""Beyond it the marketplace answers with no rows and no error."""

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


def _fields(on: str, required: str = "", optional: str = "") -> tuple[Field, ...]:
    return (
        *(Field(on, name) for name in required.split()),
        *(Field(on, name, required=False) for name in optional.split()),
    )


AXIE = (
    *_fields(
        "Axie",
        "id class stage breedCount",
        "owner title newGenes birthDate purity image",
    ),
    Field("Axie", "parts", children=_fields("AxiePart", "id class type", "stage specialGenes")),
    Field("Axie", "stats", required=False, children=_fields("AxieStats", "", "hp speed skill morale")),
    Field("Axie", "axpInfo", required=False, children=_fields("AxpInfo", "", "level")),
    Field("Axie", "battleInfo", required=False, children=_fields("AxieBattleInfo", "", "banned level")),
)
ORDER = Field(
    "Axie",
    "order",
    children=_fields(
        "Order",
        "hash status kind paymentToken basePrice endedPrice startedAt endedAt",
        "maker expiredAt marketFeePercentage",
    ),
)
_PAGE = (Field("Axies", "total", required=False), Field("Axies", "results", children=(*AXIE, ORDER)))
_SETTLED = Field(
    "SettledAuctions",
    "axies",
    text="axies(from: $from, size: $size)",
    children=(
        Field("Axies", "total", required=False),
        Field(
            "Axies",
            "results",
            children=(
                *AXIE,
                Field(
                    "Axie",
                    "transferHistory",
                    text="transferHistory(from: 0, size: 3)",
                    children=(
                        Field(
                            "TransferRecords",
                            "results",
                            children=_fields("TransferRecord", "from to timestamp txHash withPrice"),
                        ),
                    ),
                ),
            ),
        ),
    ),
)
_ACTIVITY = (
    *_fields("Activity", "id createdAt", "txHash"),
    Field(
        "Activity",
        "activityDetails",
        children=(
            Field(
                "ActivityDetails",
                "SaleActivity",
                text="... on SaleActivity",
                children=_fields("SaleActivity", "maker matcher settlePrice", "orderKind"),
            ),
        ),
    ),
    Field("Activity", "token", children=(Field("TokenAsset", "Axie", text="... on Axie", children=AXIE),)),
)


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
        row = render(root.children, dropped)
        return f"query {self.name}({declared}) {{ {aliases} }} fragment row on {_ROWS[root.name]} {{ {row} }}"

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


_ROWS = {"axie": "Axie", "order": "Order"}
NEWEST = Query(
    "NewestListings",
    "$from: Int!, $size: Int!",
    (
        Field(
            "Query",
            "axies",
            text="axies(auctionType: Sale, sort: Latest, from: $from, size: $size, "
            f"criteria: {{ stages: [{ADULT}] }})",
            children=_PAGE,
        ),
    ),
)
# By id, which unlike age and price does not change while one pages.
STANDING = Query(
    "StandingListings",
    "$from: Int!, $size: Int!, $criteria: AxieSearchCriteria!",
    (
        Field(
            "Query",
            "axies",
            text="axies(auctionType: Sale, sort: IdAsc, from: $from, size: $size, criteria: $criteria)",
            children=_PAGE,
        ),
    ),
)
CHEAPEST = Query(
    "CheapestListings",
    "$size: Int!, $criteria: AxieSearchCriteria!",
    (
        Field(
            "Query",
            "axies",
            text="axies(auctionType: Sale, sort: PriceAsc, from: 0, size: $size, criteria: $criteria)",
            children=_PAGE,
        ),
    ),
)
DETAILS = Query("AxieDetails", "ID!", (Field("Query", "axie", children=(*AXIE, ORDER)),), alias="axieId")
ORDERS = Query(
    "Orders", "String!", (Field("Query", "order", children=_fields("Order", "hash status")),), alias="hash"
)
SALES = Query(
    "Sales",
    "$before: Int, $size: Int!",
    (
        Field(
            "Query",
            "tokenActivities",
            text=f'tokenActivities(tokenAddress: "{AXIE_CONTRACT}", activityTypes: [Sale], '
            "lastTimestamp: $before, size: $size)",
            children=_ACTIVITY,
        ),
    ),
)
SALES_OF = Query(
    "SalesOfAxie",
    "$axie: BigDecimal!, $size: Int!",
    (
        Field(
            "Query",
            "tokenActivities",
            text=f'tokenActivities(tokenAddress: "{AXIE_CONTRACT}", tokenId: $axie, activityTypes: [Sale], '
            "size: $size)",
            children=_ACTIVITY,
        ),
    ),
)
SETTLED = Query(
    "SettledAuctions", "$from: Int!, $size: Int!", (Field("Query", "settledAuctions", children=(_SETTLED,)),)
)
RATES = Query(
    "Rates",
    "",
    (
        Field(
            "Query",
            "exchangeRate",
            children=tuple(
                Field(
                    "ExchangeRate",
                    name,
                    required=name in ("eth", "usdc"),
                    children=_fields("ExchangeRateCurrency", "usd"),
                )
                for name in ("eth", "usdc", "axs", "ron", "slp")
            ),
        ),
    ),
)
ALL = (NEWEST, STANDING, CHEAPEST, DETAILS, ORDERS, SALES, SALES_OF, SETTLED, RATES)
# What each query is asked with when only its shape is to be checked.
PROBES: Mapping[str, Mapping[str, object]] = {
    NEWEST.name: {"from": 0, "size": 1},
    STANDING.name: {"from": 0, "size": 1, "criteria": {"stages": [ADULT]}},
    CHEAPEST.name: {"size": 1, "criteria": {"stages": [ADULT]}},
    DETAILS.name: {"k0": "1"},
    ORDERS.name: {"k0": "0" * 64},
    SALES.name: {"before": None, "size": 1},
    SALES_OF.name: {"axie": "1", "size": 1},
    SETTLED.name: {"from": 0, "size": 1},
    RATES.name: {},
}
INTROSPECTION = {
    "operationName": "Schema",
    "query": "query Schema { __schema { types { name fields(includeDeprecated: true) { name } } } }",
    "variables": {},
}


def unknown_fields(messages: Iterable[str]) -> tuple[FieldName, ...]:
    """The fields that the marketplace says it does not know, in the order of its error messages."""
    found = (match for message in messages for pattern in _UNKNOWN if (match := pattern.search(message)))
    return tuple(dict.fromkeys(FieldName(match[2], match[1]) for match in found))
