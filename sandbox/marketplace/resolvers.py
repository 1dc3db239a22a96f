"""The root fields and the few others that depend on the moment or on arguments.

Page sizes are capped, offsets beyond 10,000 answer with nothing and no error, and what is unknown is null.
"""

from bisect import bisect_right
from typing import Any, Final

from graphql import GraphQLError

from sandbox.marketplace.economy import Economy
from sandbox.marketplace.execution import Resolver
from sandbox.marketplace.orders import AXIE_CONTRACT
from sandbox.marketplace.search import LAST_OFFSET, PAGE, Search
from sandbox.marketplace.views import Row, Views

SETTLED: Final = 100
SETTLED_PAGE: Final = 20
ACTIVITIES: Final = 50


def make_resolvers(economy: Economy, views: Views, origin: str) -> dict[tuple[str, str], Resolver]:
    """Resolvers by (type, field); `origin` is this server's own address for pictures."""
    search = Search(economy)

    def axie(_: Row, arguments: Row) -> Row | None:
        axie_id = str(arguments["axieId"])
        row = economy.population.row_of.get(int(axie_id)) if axie_id.isdecimal() else None
        return None if row is None else views.axie(row)

    def axies(_: Row, arguments: Row) -> Row:
        start, size = max(0, arguments.get("from") or 0), _size(arguments, 10, PAGE)
        if start + size > LAST_OFFSET:
            return {"__typename": "Axies", "total": 0, "results": []}
        rows = search.rows(
            arguments.get("auctionType") or "All",
            arguments.get("sort") or "Latest",
            arguments.get("owner"),
            arguments.get("criteria") or {},
        )
        page = [views.axie(int(row)) for row in rows[start : start + size]]
        return {"__typename": "Axies", "total": len(rows), "results": page}

    def axie_order(row: Row, _: Row) -> Row | None:
        found = economy.order_of.get(row["__row"])
        return None if found is None else views.order(found, economy.now)

    def order(_: Row, arguments: Row) -> Row | None:
        found = economy.by_hash.get(arguments["hash"].lower().removeprefix("0x"))
        return None if found is None else views.order(found, economy.now)

    def settled(_: Row, arguments: Row) -> Row:
        latest = economy.feed[-SETTLED:][::-1]
        start, size = max(0, arguments.get("from") or 0), _size(arguments, 10, SETTLED_PAGE)
        rows = [views.axie(economy.sales[n].order.row) for n in latest[start : start + size]]
        return {"__typename": "Axies", "total": len(latest), "results": rows}

    def activities(_: Row, arguments: Row) -> list[Row]:
        kinds = arguments.get("activityTypes")
        if arguments["tokenAddress"].lower() != AXIE_CONTRACT or (kinds is not None and "Sale" not in kinds):
            return []
        numbers: list[int] = economy.feed
        if arguments.get("tokenId") is not None:
            row = economy.population.row_of.get(int(arguments["tokenId"]), -1)
            numbers = [n for n in economy.sales_of.get(row, []) if economy.sales[n].shown]
        last = arguments.get("lastTimestamp")
        stop = len(numbers)
        if last is not None:  # inclusive: the rows of that second come again
            stop = bisect_right(numbers, last, key=lambda n: int(economy.sales[n].at))
        size = min(ACTIVITIES, max(0, arguments["size"]))
        return [views.activity(economy.sales[n]) for n in reversed(numbers[max(0, stop - size) : stop])]

    return {
        ("Query", "axie"): axie,
        ("Query", "axies"): axies,
        ("Query", "order"): order,
        ("Query", "tokenActivities"): activities,
        ("Query", "settledAuctions"): lambda _, __: {"__typename": "SettledAuctions"},
        ("Query", "exchangeRate"): lambda _, __: views.rates(),
        ("SettledAuctions", "axies"): settled,
        ("Axie", "order"): axie_order,
        ("Axie", "image"): lambda row, _: f"{origin}/axies/{row['id']}/axie/axie-full-transparent.png",
        ("Axie", "transferHistory"): lambda row, arguments: views.transfers(row["__row"], arguments),
    }


def _size(arguments: Row, default: int, most: int) -> int:
    size: Any = arguments.get("size")
    if size is None:
        return default
    if size < 0:
        raise GraphQLError("size must not be negative")
    return min(int(size), most)
