"""Discord's HTTP API under `/api/v10`: authentication, faults, limits and nonces around simcord's routes.

Every request is logged with the time of its arrival, whatever became of it. A message whose nonce was seen
in its channel in the last minutes is not created again: the sender gets the first one back.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import BodyPartReader, web
from simcord.backend import serializers
from simcord.backend.errors import BackendError
from simcord.backend.models import EPHEMERAL_FLAG
from simcord.http import router

from sandbox.discord.faults import Faults
from sandbox.discord.gateway import Gateway
from sandbox.discord.limits import Limiter
from sandbox.discord.world import World

NONCE_SECONDS = 300.0
LOG_LENGTH = 20_000
_SEND = re.compile(r"/channels/(\d+)/messages")
_CALLBACK = re.compile(r"/interactions/(\d+)/[^/]+/callback")
_TOKEN_ROUTES = re.compile(r"/interactions/\d+/[^/]+/callback|/webhooks/\d+/[^/]+(/messages/[^/]+)?")


@dataclass(slots=True)
class LoggedRequest:
    """One request: arrival in seconds of the epoch, and the status it was answered with (0: not yet)."""

    at: float
    method: str
    path: str
    params: dict[str, str]
    json: Any = None
    nonce: str | None = None
    status: int = 0
    lost: bool = False


@dataclass(slots=True)
class _Upload:
    """What simcord reads of a file: the attributes of `discord.File`."""

    filename: str
    fp: io.BytesIO
    description: str | None = None


@dataclass(slots=True)
class _Body:
    json: Any = None
    files: list[_Upload] = field(default_factory=list)


class Rest:
    """Answers API requests; one object serves all connections of a loop."""

    def __init__(self, world: World, gateway: Gateway, faults: Faults) -> None:
        self._world = world
        self._gateway = gateway
        self._faults = faults
        self.limiter = Limiter()
        self.log: deque[LoggedRequest] = deque(maxlen=LOG_LENGTH)
        self._nonces: dict[tuple[int, str], tuple[int, float]] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one request."""
        path = "/" + request.rel_url.raw_path.split("/api/v10/", 1)[-1]
        entry = LoggedRequest(time.time(), request.method, path, dict(request.query))
        self.log.append(entry)
        try:
            body = await _read(request)
        except ValueError as error:
            return self._answer(entry, 400, {"code": 50109, "message": f"Invalid JSON: {error}"})
        entry.json = body.json
        nonce = body.json.get("nonce") if isinstance(body.json, dict) else None
        entry.nonce = None if nonce is None else str(nonce)
        if delay := self._faults.delay(entry.method, path):
            await asyncio.sleep(delay)
        if self._faults.outage:
            return self._answer(entry, 503, {"code": 0, "message": "Service Unavailable"})
        response = self._respond(entry, body, request)
        self._world.pulse.beat()
        if response.status < 300 and self._faults.loses_answer(entry.method, path):
            entry.lost = True
            if request.transport is not None:
                request.transport.abort()
        return response

    def _respond(self, entry: LoggedRequest, body: _Body, request: web.Request) -> web.Response:
        if fault := self._faults.status(entry.method, entry.path):
            error: dict[str, Any] = {"code": fault.code, "message": fault.message}
            if fault.status == 429:
                error |= {"retry_after": fault.retry_after, "global": False}
            return self._answer(entry, fault.status, error)
        authorized = request.headers.get("Authorization") == f"Bot {self._world.config.token}"
        if not authorized and not _TOKEN_ROUTES.fullmatch(entry.path):
            return self._answer(entry, 401, {"code": 0, "message": "401: Unauthorized"})
        headers: dict[str, str] = {}
        if self._world.config.rate_limits:
            verdict = self.limiter.judge(entry.method, entry.path)
            headers = verdict.headers
            if not verdict.allowed:
                refusal = {
                    "message": "You are being rate limited.",
                    "retry_after": verdict.retry_after,
                    "global": verdict.everywhere,
                }
                headers = headers | {"Retry-After": str(int(verdict.retry_after) + 1)}
                return self._answer(entry, 429, refusal, headers)
        try:
            result = self._carry_out(entry, body, request)
        except BackendError as error:
            if error.status == 501:
                print(f"sandbox.discord: {error}", file=sys.stderr)  # noqa: T201 - a gap, not a fault
            return self._answer(entry, error.status, error.to_json(), headers)
        except (ValueError, KeyError, TypeError) as error:
            detail = f"Invalid Form Body: {type(error).__name__}: {error}"
            return self._answer(entry, 400, {"code": 50035, "message": detail}, headers)
        if callback := _CALLBACK.fullmatch(entry.path):
            self._world.acknowledged(int(callback.group(1)))
            if request.query.get("with_response", "").lower() not in {"1", "true"}:
                result = None
        return self._answer(entry, 204 if result is None else 200, result, headers)

    def _carry_out(self, entry: LoggedRequest, body: _Body, request: web.Request) -> Any:
        if entry.method == "GET" and entry.path in {"/gateway", "/gateway/bot"}:
            return self._gateway.describe()
        sending = _SEND.fullmatch(entry.path) if entry.method == "POST" else None
        if sending is not None and entry.nonce is not None:
            if len(entry.nonce) > 25:
                raise BackendError(400, 50035, "Invalid Form Body: nonce: Must be 25 or fewer in length.")
            existing = self._existing(int(sending.group(1)), entry.nonce)
            if existing is not None and body.json.get("enforce_nonce"):
                return dict(serializers.message_payload(self._world.backend, existing)) | {
                    "nonce": entry.nonce
                }
        backend = self._world.backend
        reason = request.headers.get("X-Audit-Log-Reason")
        result = router.dispatch(
            backend,
            entry.method,
            entry.path,
            json=body.json,
            params=dict(request.query),
            files=body.files,
            reason=None if reason is None else unquote(reason),
        )
        # simcord keeps every request for a test to look at; here the bounded log does that.
        backend.http_requests.clear()
        backend.transcript.clear()
        self._note_hidden_edit(entry, result)
        if sending is not None and entry.nonce is not None:
            message_id = int(result["id"])
            self._nonces[int(sending.group(1)), entry.nonce] = (message_id, time.perf_counter())
            self._world.nonces[message_id] = entry.nonce
            result = result | {"nonce": entry.nonce}
        return result

    def _note_hidden_edit(self, entry: LoggedRequest, result: Any) -> None:
        """Remember an edit of an ephemeral message, which no gateway event tells of."""
        if not isinstance(result, dict):
            return
        resource = result.get("resource", {})
        message = result if entry.method == "PATCH" else resource.get("message", {})
        edited = entry.method == "PATCH" or resource.get("type") == 7
        if edited and int(message.get("flags") or 0) & EPHEMERAL_FLAG and "channel_id" in message:
            self._world.edited(message)

    def _existing(self, channel_id: int, nonce: str) -> Any:
        """The message that was sent to this channel with this nonce lately, if it still exists."""
        now = time.perf_counter()
        self._nonces = {k: v for k, v in self._nonces.items() if now - v[1] < NONCE_SECONDS}
        message_id, _ = self._nonces.get((channel_id, nonce), (0, 0.0))
        return self._world.backend.messages.get(channel_id, {}).get(message_id)

    @staticmethod
    def _answer(
        entry: LoggedRequest, status: int, result: Any, headers: dict[str, str] | None = None
    ) -> web.Response:
        entry.status = status
        sent = {"Via": "1.1 loopback", **(headers or {})}
        if status == 204:
            return web.Response(status=204, headers=sent)
        text = json.dumps(result, separators=(",", ":"))
        return web.Response(
            status=status, body=text.encode(), headers={"Content-Type": "application/json", **sent}
        )


async def _read(request: web.Request) -> _Body:
    """The JSON of a request and its files; `ValueError` where it is not what it says."""
    if request.content_type != "multipart/form-data":
        raw = await request.read()
        return _Body(json.loads(raw) if raw else None)
    body, scalars = _Body(), {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise ValueError("nested multipart")
        if part.name == "payload_json":
            body.json = json.loads(await part.text())
        elif part.filename is not None:
            body.files.append(_Upload(part.filename, io.BytesIO(await part.read(decode=True))))
        elif part.name is not None:
            scalars[part.name] = await part.text()
    if body.json is None and scalars:
        body.json = scalars
    if isinstance(body.json, dict):
        payload = body.json.get("data") or body.json
        described = {str(item.get("id")): item for item in payload.get("attachments") or []}
        for index, upload in enumerate(body.files):
            upload.description = described.get(str(index), {}).get("description")
    return body
