"""The GraphQL that we send: named operations that ask for few fields, some of which we can do without."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.market.selection import Field, Query

AXIE_CONTRACT = "0x32950db2a7164ae833121501c797d79e7b79d74c"
ADULT = 4
BATCH = 50
"""Aliases in one request."""
OFFSET_CAP = 10_000
"""Beyond it the marketplace answers with no rows and no error."""


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
