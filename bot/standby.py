"""The HTTP door of a bot that stands by: alive, not ready, and saying why."""

from __future__ import annotations

from aiohttp import web

_WHY = "another bot leads on this database; this one stands by"


def standby_app() -> web.Application:
    """Health is 200, so that nothing restarts a bot that waits for its turn; readiness is 503."""
    app = web.Application()
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", _readyz)
    app.router.add_get("/metrics", _metrics)
    return app


async def _healthz(_: web.Request) -> web.Response:
    return web.json_response({"status": "standby"})


async def _readyz(_: web.Request) -> web.Response:
    checks = {"leader": {"ok": False, "detail": _WHY}}
    return web.json_response({"ready": False, "checks": checks}, status=503)


async def _metrics(_: web.Request) -> web.Response:
    text = "# HELP axieflip_leader Whether this bot watches and delivers.\n# TYPE axieflip_leader gauge\n"
    return web.Response(text=f"{text}axieflip_leader 0\n", content_type="text/plain")
