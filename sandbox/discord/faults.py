"""What can be made to go wrong over HTTP: errors, answers that get lost, slowness and outages.

Faults are armed by `POST /control/faults` and used up in the order in which they were armed. A lost answer is
the cruel one: the request is carried out and the client never learns it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec


class _Spec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    pass


class StatusFault(_Spec, frozen=True, tag="status"):
    """Answer matching requests with an HTTP status and Discord's error JSON, without carrying them out."""

    status: int
    method: str = "*"
    path: str = "*"
    times: int | None = 1
    code: int = 0
    message: str = "Injected fault"
    retry_after: float = 1.0


class LostAnswer(_Spec, frozen=True, tag="lost_answer"):
    """Carry matching requests out, then cut the connection instead of answering."""

    method: str = "POST"
    path: str = "*"
    times: int | None = 1


class Latency(_Spec, frozen=True, tag="latency"):
    """Delay matching requests by some milliseconds."""

    ms: float
    method: str = "*"
    path: str = "*"
    times: int | None = None


class Outage(_Spec, frozen=True, tag="outage"):
    """Answer every request with 503, cut the gateway and refuse new connections, until it is off again."""

    on: bool


class GatewayFault(_Spec, frozen=True, tag="gateway"):
    """Do something to every gateway connection at once."""

    action: Literal["reconnect", "invalidate", "close", "dead"]
    code: int = 4000
    resumable: bool = False


Fault = StatusFault | LostAnswer | Latency | Outage | GatewayFault
Matching = StatusFault | LostAnswer | Latency


@dataclass(slots=True)
class _Armed:
    spec: Matching
    left: int | None
    used: int = 0


class Faults:
    """The armed faults; asking for one uses it."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []
        self.outage = False

    def arm(self, spec: Matching) -> None:
        """Arm a fault; with `times` null it stays armed until cleared."""
        if spec.times is None or spec.times > 0:
            self._armed.append(_Armed(spec, spec.times))

    def clear(self) -> None:
        """Disarm everything and end an outage."""
        self._armed.clear()
        self.outage = False

    def _take(self, kind: type[Matching], method: str, path: str) -> Matching | None:
        for armed in self._armed:
            spec = armed.spec
            if not isinstance(spec, kind) or spec.method not in ("*", method):
                continue
            if armed.left == 0 or not fnmatchcase(path, spec.path):
                continue
            armed.used += 1
            if armed.left is not None:
                armed.left -= 1
            return spec
        return None

    def status(self, method: str, path: str) -> StatusFault | None:
        """The error to answer this request with, if any."""
        spec = self._take(StatusFault, method, path)
        return spec if isinstance(spec, StatusFault) else None

    def loses_answer(self, method: str, path: str) -> bool:
        """Whether the answer to this request gets lost."""
        return self._take(LostAnswer, method, path) is not None

    def delay(self, method: str, path: str) -> float:
        """Seconds by which this request is delayed."""
        spec = self._take(Latency, method, path)
        return spec.ms / 1000 if isinstance(spec, Latency) else 0.0

    def describe(self) -> dict[str, Any]:
        """What is armed, and how often each fault has struck."""
        return {
            "outage": self.outage,
            "faults": [msgspec.to_builtins(armed.spec) | {"used": armed.used} for armed in self._armed],
        }
