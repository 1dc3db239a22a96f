"""The HTTP door of the process: health, readiness, metrics, and a price for an axie or a listing.

Errors are JSON, `{"error": "..."}`, in one sentence. `/v1/predict` wants `Authorization: Bearer
HTTP_TOKEN` where a token is set; the settings demand one where other machines can reach the door.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import structlog
from aiohttp import web
from msgspec import Meta, Struct

from bot.errors import AxieflipError, NoChampion
from bot.log import redact
from bot.metrics import render
from bot.services import Services
from bot.services.stats import silent_after
from pipeline.market.errors import MarketError
from pipeline.market.values import Axie, Listing, Slot
from pipeline.signal import Forecast, Prediction

BODY_LIMIT = 64 * 1024
DATABASE_S = 2.0
SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = structlog.get_logger(__name__)


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """What `/v1/predict` is asked: exactly one of an axie's id, an axie, a listing."""

    axie_id: Annotated[int, Meta(gt=0, lt=2**53)] | None = None
    axie: Axie | None = None
    listing: Listing | None = None


def create_app(services: Services) -> web.Application:
    """The application over the given services; it owns nothing and closes nothing."""
    app = web.Application(client_max_size=BODY_LIMIT, middlewares=[_errors_as_json])
    app[SERVICES] = services
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    app.router.add_post("/v1/predict", predict)
    return app


@asynccontextmanager
async def serve(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Listen for as long as the context is open; gives the actual port (0 asks for a free one).

    Raises OSError where the address cannot be had.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def healthz(_: web.Request) -> web.Response:
    """The process lives and its loop turns: this answer is the proof."""
    return web.json_response({"status": "alive"})


async def readyz(request: web.Request) -> web.Response:
    """Whether the bot does its job: 200 if every check holds, else 503 with what does not."""
    services = request.app[SERVICES]
    checks = {
        "model": _model(services),
        "database": await _database(services),
        "watcher": _watcher(services),
    }
    ready = all(check["ok"] for check in checks.values())
    return web.json_response({"ready": ready, "checks": checks}, status=200 if ready else 503)


async def metrics(request: web.Request) -> web.Response:
    """Everything that is counted, in the text format of Prometheus."""
    body = await render(request.app[SERVICES])
    return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def predict(request: web.Request) -> web.Response:
    """A prediction of a listing, or a forecast of an axie that is not listed."""
    services = request.app[SERVICES]
    _authorize(request, services)
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise web.HTTPUnsupportedMediaType(text="Send the body as it is, without Content-Encoding.")
    question = _decode(await request.read())
    try:
        answer = await _answer(services, question)
    except NoChampion as error:
        raise web.HTTPServiceUnavailable(text=str(error)) from error
    except MarketError as error:
        raise web.HTTPServiceUnavailable(text=f"The marketplace cannot answer: {error}") from error
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


async def _answer(services: Services, question: Question) -> Forecast | Prediction:
    if question.listing is not None:
        return services.predictor.predict(question.listing)
    if question.axie is not None:
        return services.predictor.forecast(question.axie)
    assert question.axie_id is not None
    detail = (await services.market.axies([question.axie_id])).get(question.axie_id)
    if detail is None:
        raise web.HTTPNotFound(text=f"There is no axie {question.axie_id}.")
    if detail.listing is not None:
        return services.predictor.predict(detail.listing)
    return services.predictor.forecast(detail.axie)


def _decode(body: bytes) -> Question:
    try:
        question = msgspec.json.decode(body, type=Question)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise web.HTTPBadRequest(text=f"The body cannot be read: {error}") from error
    given = [value for value in (question.axie_id, question.axie, question.listing) if value is not None]
    if len(given) != 1:
        raise web.HTTPBadRequest(text="Give exactly one of `axie_id`, `axie` and `listing`.")
    if problem := _unsound(question):
        raise web.HTTPBadRequest(text=f"The body cannot be read: {problem}")
    return question


def _unsound(question: Question) -> str | None:
    """What the types cannot say of a domain value, with the field that it is about."""
    listing, axie, path = question.listing, question.axie, "$.axie"
    if listing is not None:
        axie, path = listing.axie, "$.listing.axie"
        for name in ("started_at", "ended_at", "expires_at", "seen_at"):
            at = getattr(listing, name)
            if at is not None and at.tzinfo is None:
                return f"a time needs its zone, such as 2026-06-01T12:00:00Z - at `$.listing.{name}`"
        for name, least in (("base", 1), ("ended", 0)):  # a fixed price has no end
            if not least <= getattr(listing, name) < 2**256:
                return f"an amount is from {least} to 2^256 - 1 - at `$.listing.{name}`"
        if not 0 <= listing.fee_bps < 10_000:
            return "a fee is from 0 to 9999 basis points - at `$.listing.fee_bps`"
    if axie is not None and tuple(part.slot for part in axie.parts) != tuple(Slot):
        return f"parts come in the order {', '.join(Slot)} - at `{path}.parts`"
    return None


def _authorize(request: web.Request, services: Services) -> None:
    token = services.settings.http_token
    if token is None:
        return
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    # Compared as bytes and in constant time: the answer's delay tells nothing of the token.
    right = hmac.compare_digest(given.strip().encode(errors="replace"), token.get_secret_value().encode())
    if scheme.lower() != "bearer" or not right:
        raise web.HTTPUnauthorized(
            text="This needs the header `Authorization: Bearer` with HTTP_TOKEN.",
            headers={"WWW-Authenticate": "Bearer"},
        )


def _model(services: Services) -> dict[str, Any]:
    version = services.predictor.version
    return {"ok": version is not None, "detail": version or "no model is loaded"}


async def _database(services: Services) -> dict[str, Any]:
    try:
        async with asyncio.timeout(DATABASE_S):
            await services.db.ping()
    except Exception as error:
        log.warning("the database does not answer", exc_info=error)
        return {"ok": False, "detail": redact(f"{type(error).__name__}: it does not answer")}
    return {"ok": True, "detail": "answers"}


def _watcher(services: Services) -> dict[str, Any]:
    polled = services.stats.last_poll_at
    if polled is None:
        return {"ok": False, "detail": "the marketplace has not been read yet"}
    ago = (datetime.now(UTC) - polled).total_seconds()
    return {
        "ok": ago <= silent_after(services.settings.market_poll_max_s),
        "detail": f"the marketplace was read {ago:.0f} s ago",
    }


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
    kept = {name: headers[name] for name in ("Allow", "WWW-Authenticate") if headers and name in headers}
    body = json.dumps({"error": redact(text)}, ensure_ascii=False)
    return web.Response(status=status, text=body, content_type="application/json", headers=kept)
