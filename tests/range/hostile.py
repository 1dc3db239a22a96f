"""Answers of a marketplace that is ill, hostile or changed; each is a mishap for a door."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
from collections.abc import Callable
from functools import cache
from typing import Any

from aiohttp import web

from tests.range.door import Answer, Exchange, Mishap

PAGE = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>cloudflare</body></html>"
MILLION = 1_000_000


def says(body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> Mishap:
    """The same answer to every question."""

    async def mishap(_: Exchange) -> web.StreamResponse:
        return web.Response(status=status, body=body, content_type=kind, headers=headers)

    return mishap


html = says(PAGE.encode(), 403, "text/html")
cut_off = says(b'{"data": {"axies": {"total": 12, "results": [{"id": "11", "cla')
nothing = says(b"")
wrong_types = says(b'{"data": {"axies": {"total": "many", "results": {"a": 1}}, "exchangeRate": [7]}}')
deep = says(b'{"data": ' + b'{"axies": ' * 200_000 + b"[]" + b"}" * 200_000 + b"}")
deep_row = says(b'{"data": {"axies": {"total": 1, "results": [' + b"[" * 200_000 + b"]" * 200_000 + b"]}}}")
million_rows = says(
    b'{"data": {"axies": {"total": 1000000, "results": [' + b",".join([b"{}"] * MILLION) + b"]}}}"
)


@cache
def _blanks() -> bytes:
    return gzip.compress(b" " * 400_000_000, 1)


async def bomb(exchange: Exchange) -> web.StreamResponse:
    """Four hundred megabytes of blanks in two."""
    return await says(_blanks(), **{"Content-Encoding": "gzip"})(exchange)


async def cut(exchange: Exchange) -> web.StreamResponse:
    """The connection ends in the middle of the question."""
    return exchange.cut()


def throttled(seconds: int) -> Mishap:
    """429, and the seconds after which to come back."""
    return says(b'{"message":"API rate limit exceeded"}', 429, **{"ratelimit-reset": str(seconds)})


def failing(status: int) -> Mishap:
    """A status of the gateway's."""
    return says(b'{"message":"An invalid response was received from the upstream server"}', status)


def slow(seconds: float) -> Mishap:
    """The truth, later."""

    async def mishap(exchange: Exchange) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return (await exchange.forward()).response()

    return mishap


def dripping(pieces: int, seconds: float) -> Mishap:
    """The truth in small pieces."""

    async def mishap(exchange: Exchange) -> web.StreamResponse:
        answer = await exchange.forward()
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        await response.prepare(exchange.request)
        size = max(1, len(answer.body) // pieces)
        for begin in range(0, len(answer.body), size):
            await response.write(answer.body[begin : begin + size])
            await asyncio.sleep(seconds / pieces)
        await response.write_eof()
        return response

    return mishap


def changed(change: Callable[[list[Any]], list[Any]]) -> Mishap:
    """The truth, with the rows of every page of axies changed."""

    async def mishap(exchange: Exchange) -> web.StreamResponse:
        answer = await exchange.forward()
        return _with_rows(answer, change)

    return mishap


def _with_rows(answer: Answer, change: Callable[[list[Any]], list[Any]]) -> web.Response:
    told = json.loads(answer.body)
    for value in (told.get("data") or {}).values():
        if isinstance(value, dict) and isinstance(value.get("results"), list):
            value["results"] = change(value["results"])
    return answer.response(json.dumps(told).encode())


def shuffled(rng: random.Random) -> Mishap:
    """Rows in any order, and some of them twice."""

    def change(rows: list[Any]) -> list[Any]:
        mixed = rows + rng.sample(rows, len(rows) // 3)
        rng.shuffle(mixed)
        return mixed

    return changed(change)


PRICES = ("-5", "0", "1e999999999", "NaN", "Infinity", "9" * 400, "141e+16.5", None, [], {"a": 1})
TIMES = (-1, 0, 1, 2**31, 2**63, 2**70, -(2**63), "soon", None, 1e300)


def absurd(rng: random.Random, values: tuple[Any, ...], *fields: str) -> Mishap:
    """Absurd values in fields of half of the orders."""

    def change(rows: list[Any]) -> list[Any]:
        return [
            row | {"order": row["order"] | {field: rng.choice(values) for field in fields}}
            if row.get("order") and rng.random() < 0.5
            else row
            for row in rows
        ]

    return changed(change)
