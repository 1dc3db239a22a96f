"""The control desk beside the market: faults, the economy's levers, time, and the truth.

None of this exists in the real marketplace. The truth is for tests only: what a perfect oracle would know.
"""

from bisect import bisect_left
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from sandbox.marketplace.faults import FaultError
from sandbox.marketplace.injection import InjectionError
from sandbox.marketplace.orders import FEE_BASIS_POINTS, TOKENS, Order
from sandbox.marketplace.world import World

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def control_routes(world: World) -> list[web.RouteDef]:
    """All routes under /control."""

    async def clock(_: web.Request) -> web.Response:
        now = world.catch_up()
        iso = datetime.fromtimestamp(now, UTC).isoformat()
        return web.json_response({"now": now, "iso": iso, "speed": world.clock.speed})

    async def advance(request: web.Request) -> web.Response:
        seconds = _number(await _body(request), "seconds", 0)
        return web.json_response({"now": world.advance(seconds)})

    async def economy(request: web.Request) -> web.Response:
        body = await _body(request)
        _only(body, {"buyers", "listings", "speed"})
        if "buyers" in body:
            world.set_demand(_number(body, "buyers", 0))
        if "listings" in body:
            world.set_supply(_number(body, "listings", 0))
        if "speed" in body:
            world.clock.set_speed(_number(body, "speed", 0))
        e = world.economy
        return web.json_response({"buyers": e.demand, "listings": e.supply, "speed": world.clock.speed})

    async def inject(request: web.Request) -> web.Response:
        try:
            order = world.inject(await _body(request))
        except InjectionError as error:
            raise _bad(str(error)) from None
        return web.json_response(truth_of(world, order))

    async def stats(_: web.Request) -> web.Response:
        world.catch_up()
        e = world.economy
        return web.json_response(
            {
                "now": e.now,
                "open": e.book.count,
                "orders": len(e.orders),
                "sales": len(e.sales),
                "feed": len(e.feed),
                "level": e.level,
                "rates": {t.symbol: float(r) for t, r in zip(TOKENS, e.rates, strict=True)},
                "faults": [asdict(f) for f in world.faults.active()],
            }
        )

    async def truth(request: web.Request) -> web.Response:
        world.catch_up()
        hashes = [h for given in request.query.getall("hash", []) for h in given.split(",") if h]
        found = {h: world.economy.by_hash.get(h.removeprefix("0x")) for h in hashes}
        return web.json_response({h: truth_of(world, order) if order else None for h, order in found.items()})

    async def listings(request: web.Request) -> web.Response:
        world.catch_up()
        orders = world.economy.orders
        try:
            since = float(request.query.get("since", 0))
        except ValueError:
            raise _bad("since must be seconds since 1970") from None
        first = bisect_left(orders, since, key=lambda o: o.listed)
        return web.json_response([truth_of(world, order) for order in orders[first:]])

    async def set_fault(request: web.Request) -> web.Response:
        try:
            fault = world.faults.add(await _body(request))
        except FaultError as error:
            raise _bad(str(error)) from None
        return web.json_response(asdict(fault))

    async def get_faults(_: web.Request) -> web.Response:
        return web.json_response([asdict(f) for f in world.faults.active()])

    async def clear_faults(request: web.Request) -> web.Response:
        return web.json_response({"cleared": world.faults.clear(request.query.get("name"))})

    return [
        web.get("/control/clock", clock),
        web.post("/control/advance", advance),
        web.post("/control/economy", economy),
        web.post("/control/list", inject),
        web.get("/control/stats", stats),
        web.get("/control/truth", truth),
        web.get("/control/truth/listings", listings),
        web.get("/control/faults", get_faults),
        web.post("/control/faults", set_fault),
        web.delete("/control/faults", clear_faults),
    ]


def truth_of(world: World, order: Order) -> dict[str, Any]:
    """What only the simulation knows of an order; prices in USD, times in market seconds since 1970.

    An auction's ask goes in a line from `ask_usd` when it was listed to `end_usd` at `ends_at`.
    """
    economy = world.economy
    columns = economy.population.columns
    return {
        "hash": order.hash,
        "axie_id": str(columns["id"][order.row]),
        "listed_at": order.listed,
        "fair_usd": order.fair,
        "fair_now_usd": economy.fair(order.row),
        "ask_usd": order.asked,
        "end_usd": order.asked if order.fixed else order.asked * order.ended_price / order.base,
        "ends_at": order.started if order.fixed else order.ended,
        "fee": FEE_BASIS_POINTS / 10_000,
        "fixed": order.fixed,
        "token": TOKENS[order.token].symbol,
        "origin": order.origin,
        "buyable": order.buyable,
        "status": order.status.value,
        "sold_usd": _sold_for(world, order),
        "closed_at": order.closed or None,
        "banned": bool(columns["banned"][order.row]),
        "egg": bool(columns["egg"][order.row]),
    }


def _sold_for(world: World, order: Order) -> float | None:
    """What it was sold for, in USD at the rates of its listing; None if it was not sold."""
    if order.sale < 0:
        return None
    return float(order.asked * world.economy.sales[order.sale].price / order.base)


def _bad(reason: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=reason)


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        raise _bad("the body must be JSON") from None
    if not isinstance(body, dict):
        raise _bad("the body must be an object")
    return body


def _number(body: dict[str, Any], name: str, least: float) -> float:
    value = body.get(name)
    if not isinstance(value, (int, float)) or value < least:  # False and True are 0 and 1
        raise _bad(f"{name} must be a number, at least {least}")
    return float(value)


def _only(body: dict[str, Any], known: set[str]) -> None:
    if set(body) - known:
        raise _bad(f"unknown: {', '.join(sorted(set(body) - known))}")
