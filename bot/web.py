"""The HTTP door of the process: health, readiness, metrics, and a price for an axie or a listing.

Errors are JSON, `{"error": "..."}`, in one sentence. Who may ask is for `bot.guard`: where a token is set,
and the settings demand one where other machines can reach the door, all but the signs of life want it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog
from aiohttp import web
from msgspec import Struct

from bot.asked import BadQuestion, Question, question
from bot.errors import AxieflipError, NoChampion
from bot.guard import Connections, Guard, Handler, RequestRate, body_of
from bot.log import redact
from bot.metrics import render
from bot.openapi import Answer, Operation, describe
from bot.services import Services
from bot.services.stats import silent_after
from pipeline.market.errors import MarketError
from pipeline.market.values import Axie, Listing
from pipeline.signal import Forecast, Prediction

BODY_LIMIT = 64 * 1024
DATABASE_S = 2.0
SILENT_S = 15.0  # a connection that asks nothing for so long, or not to the end of its headers, is ended
MOST_LOOKUPS = 4  # at once: each costs requests of the marketplace's budget
SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
GUARD: web.AppKey[Guard] = web.AppKey("guard", Guard)
DESCRIPTION: web.AppKey[str] = web.AppKey("description", str)
LOOKUPS: web.AppKey[asyncio.Semaphore] = web.AppKey("lookups", asyncio.Semaphore)
TEXT = "text/plain; version=0.0.4; charset=utf-8"
log = structlog.get_logger(__name__)


class Alive(Struct, frozen=True):
    """The answer of a process that lives."""

    status: str


class Check(Struct, frozen=True, omit_defaults=True):
    """One condition of readiness; the detail is for holders of the token, where there is one."""

    ok: bool
    detail: str | None = None


class Readiness(Struct, frozen=True):
    """Whether every check holds."""

    ready: bool
    checks: dict[str, Check]


def create_app(services: Services) -> web.Application:
    """The application over the given services; it owns nothing and closes nothing."""
    settings = services.settings
    app = web.Application(client_max_size=BODY_LIMIT, middlewares=[_errors_as_json, _guarded])
    app[SERVICES] = services
    app[GUARD] = Guard(
        settings.http_host, settings.http_token, RequestRate(settings.http_requests_per_minute)
    )
    app[LOOKUPS] = asyncio.Semaphore(MOST_LOOKUPS)
    handlers = {"healthz": healthz, "readyz": readyz, "metrics": metrics, "predict": predict}
    for operation in OPERATIONS:
        app.router.add_route(operation.method, operation.path, handlers[operation.name])
    app[DESCRIPTION] = json.dumps(describe(OPERATIONS, secured=settings.http_token is not None))
    app.router.add_get("/openapi.json", described)
    app.on_response_prepare.append(_say_little)
    return app


@asynccontextmanager
async def serve(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Listen for as long as the context is open; gives the actual port (0 asks for a free one).

    Raises OSError where the address cannot be had.
    """
    # What is no HTTP at all is answered and forgotten: whoever sends such shall not fill the log.
    unheard = logging.getLogger(f"{__name__}.malformed")
    unheard.setLevel(logging.CRITICAL)
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=2.0, keepalive_timeout=SILENT_S, logger=unheard
    )
    await runner.setup()
    assert runner.server is not None
    try:
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(Connections(runner.server), host, port)
        try:
            yield listening.sockets[0].getsockname()[1]
        finally:
            listening.close()
    finally:
        await runner.cleanup()


async def healthz(_: web.Request) -> web.Response:
    """The process lives and its loop turns: this answer is the proof."""
    return _json(Alive("alive"))


async def readyz(request: web.Request) -> web.Response:
    """Whether the bot does its job: 200 if every check holds, else 503 with what does not."""
    services = request.app[SERVICES]
    checks = {
        "model": _model(services),
        "database": await _database(services),
        "watcher": _watcher(services),
    }
    if not request.app[GUARD].holds_token(request):
        checks = {name: Check(check.ok) for name, check in checks.items()}
    ready = all(check.ok for check in checks.values())
    return _json(Readiness(ready, checks), 200 if ready else 503)


async def metrics(request: web.Request) -> web.Response:
    """Everything that is counted, in the text format of Prometheus."""
    request.app[GUARD].demand_token(request)
    body = await render(request.app[SERVICES])
    return web.Response(body=body, headers={"Content-Type": TEXT})


async def predict(request: web.Request) -> web.Response:
    """A prediction of a listing, or a forecast of an axie that is not listed."""
    request.app[GUARD].demand_token(request)
    try:
        asked = question(await body_of(request))
        return _json(await _answer(request, asked))
    except BadQuestion as error:
        raise web.HTTPBadRequest(text=str(error)) from error
    except NoChampion as error:
        raise web.HTTPServiceUnavailable(text=str(error)) from error
    except MarketError as error:
        raise web.HTTPServiceUnavailable(text=f"The marketplace cannot answer: {error}") from error


async def _answer(request: web.Request, asked: int | Axie | Listing) -> Forecast | Prediction:
    services, lookups = request.app[SERVICES], request.app[LOOKUPS]
    if isinstance(asked, int):
        if lookups.locked():
            raise web.HTTPTooManyRequests(
                text="Too many axies are being looked up: try again later.", headers={"Retry-After": "1"}
            )
        async with lookups:
            detail = (await services.market.axies([asked])).get(asked)
        if detail is None:
            raise web.HTTPNotFound(text=f"There is no axie {asked}.")
        asked = detail.listing or detail.axie
    # Weighed, not entered into the book: what a stranger says is for sale is no news of the market.
    if isinstance(asked, Listing):
        return services.predictor.weigh(asked)
    return services.predictor.forecast(asked)


async def described(request: web.Request) -> web.Response:
    """All of this in OpenAPI."""
    return web.Response(text=request.app[DESCRIPTION], content_type="application/json")


OPERATIONS = (
    Operation(
        "GET", "/healthz", "healthz", "Whether the process lives.", {200: Answer("It does.", (Alive,))}
    ),
    Operation(
        "GET",
        "/readyz",
        "readyz",
        "Whether the bot does its job.",
        {200: Answer("It does.", (Readiness,)), 503: Answer("It does not, and why.", (Readiness,))},
    ),
    Operation(
        "GET",
        "/metrics",
        "metrics",
        "What is counted, for Prometheus.",
        {200: Answer("The figures.", (str,), "text/plain"), 401: Answer("The token is missing or wrong.")},
        secured=True,
    ),
    Operation(
        "POST",
        "/v1/predict",
        "predict",
        "What a listing promises, or what an axie that is not listed would resell for.",
        {
            200: Answer("A prediction where it is listed, else a forecast.", (Prediction, Forecast)),
            401: Answer("The token is missing or wrong."),
            404: Answer("There is no such axie."),
            408: Answer("The body did not arrive in time."),
            413: Answer(f"The body is larger than {BODY_LIMIT} bytes."),
            415: Answer("The body is compressed."),
            503: Answer("There is no model or no marketplace to answer with."),
        },
        asks=Question,
        secured=True,
    ),
)


def _json(value: Struct, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def _model(services: Services) -> Check:
    version = services.predictor.version
    return Check(version is not None, version or "no model is loaded")


async def _database(services: Services) -> Check:
    try:
        async with asyncio.timeout(DATABASE_S):
            await services.db.ping()
    except Exception as error:
        log.warning("the database does not answer", exc_info=error)
        return Check(False, redact(f"{type(error).__name__}: it does not answer"))
    return Check(True, "answers")


def _watcher(services: Services) -> Check:
    polled = services.stats.last_poll_at
    if polled is None:
        return Check(False, "the marketplace has not been read yet")
    ago = (datetime.now(UTC) - polled).total_seconds()
    ok = ago <= silent_after(services.settings.market_poll_max_s)
    return Check(ok, f"the marketplace was read {ago:.0f} s ago")


async def _say_little(_: web.Request, response: web.StreamResponse) -> None:
    """Nothing of what serves, and nothing for a browser to guess or keep."""
    response.headers["Server"] = "axieflip"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"


@web.middleware
async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    request.app[GUARD].check(request)
    return await handler(request)


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        ours = error.status != 413 and error.text != f"{error.status}: {error.reason}"
        text = error.text if ours else _SENTENCES.get(error.status)
        return _error(error.status, text or error.reason, error.headers)
    except AxieflipError as error:
        return _error(400, str(error))
    except Exception:
        log.exception("request failed", method=request.method, path=request.path)
        return _error(500, "A fault in the bot; its log says more.")


_SENTENCES = {
    404: "There is nothing at this address.",
    405: "This address does not know that method.",
    413: f"The body is larger than {BODY_LIMIT} bytes.",
}


def _error(status: int, text: str, headers: Any = None) -> web.Response:
    kept = {
        name: headers[name]
        for name in ("Allow", "Retry-After", "WWW-Authenticate")
        if headers and name in headers
    }
    body = json.dumps({"error": redact(text)}, ensure_ascii=False)
    return web.Response(status=status, text=body, content_type="application/json", headers=kept)
