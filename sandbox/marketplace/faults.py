"""Faults that can be switched on while the market runs, each with a probability a request (or a row).

They come from a generator of their own, so that they never change what happens in the economy.
"""

import random
from dataclasses import dataclass
from typing import Any, Final

NAMES: Final = (
    "rate-limit",  # 429, with `reset` seconds to wait
    "server-error",  # `status` 500 to 504
    "upstream-error",  # 200 with errors and no data
    "slow",  # answers after `seconds`
    "html-403",  # a bot check in place of an answer
    "malformed-rows",  # a share of the rows is broken
    "vanished-field",  # `type` and `field` are gone from the schema
    "reset",  # the connection is cut
    "page-down",  # the page of part strengths answers 503
    "page-changed",  # its columns have other names
)


class FaultError(ValueError):
    """A fault that does not exist or lacks what it needs."""


@dataclass(slots=True)
class Fault:
    """One active fault. `times` is how often it still strikes; None is for ever."""

    name: str
    rate: float = 1.0
    times: int | None = None
    status: int = 502
    seconds: float = 1.0
    reset: int = 1
    type: str = "Axie"
    field: str = ""
    struck: int = 0


class Faults:
    """The active faults, by name; several fields may vanish at once."""

    def __init__(self, seed: int, fields: frozenset[tuple[str, str]]) -> None:
        self._fields = fields
        self._rng = random.Random(f"{seed}:faults")
        self._active: dict[str, Fault] = {}

    def add(self, raw: dict[str, Any]) -> Fault:
        """Switch a fault on (or change it); FaultError names what is wrong with the request."""
        if raw.get("name") not in NAMES:
            raise FaultError(f"name must be one of {', '.join(NAMES)}")
        try:
            fault = Fault(**raw)
        except TypeError as error:
            raise FaultError(str(error)) from None
        if not isinstance(fault.rate, (int, float)) or not 0 <= fault.rate <= 1:
            raise FaultError("rate must be between 0 and 1")
        if fault.name == "vanished-field" and (fault.type, fault.field) not in self._fields:
            raise FaultError(f"there is no field {fault.type}.{fault.field} that could vanish")
        key = f"{fault.name} {fault.type}.{fault.field}" if fault.field else fault.name
        self._active[key] = fault
        return fault

    def clear(self, name: str | None) -> int:
        """Switch off the faults of this name, or all; returns how many."""
        gone = [key for key, fault in self._active.items() if name is None or fault.name == name]
        for key in gone:
            del self._active[key]
        return len(gone)

    def active(self) -> list[Fault]:
        """All that are switched on."""
        return list(self._active.values())

    def hidden(self) -> frozenset[tuple[str, str]]:
        """The (type, field) pairs that have vanished."""
        return frozenset((f.type, f.field) for f in self._active.values() if f.name == "vanished-field")

    def strikes(self, name: str) -> Fault | None:
        """Whether this fault strikes now."""
        fault = self._active.get(name)
        if fault is None or fault.times == 0 or self._rng.random() >= fault.rate:
            return None
        if fault.times is not None:
            fault.times -= 1
        fault.struck += 1
        return fault

    def spoil(self, data: Any) -> Any:
        """Break a share of the rows of axies and activities in a finished answer."""
        if "malformed-rows" in self._active and isinstance(data, dict):
            for value in data.values():
                rows = value.get("results") if isinstance(value, dict) else value
                if isinstance(rows, list):
                    rows[:] = [self._break(row) if self.strikes("malformed-rows") else row for row in rows]
                elif isinstance(value, dict):
                    self.spoil(value)
        return data

    def _break(self, row: Any) -> Any:
        rng = self._rng
        if not isinstance(row, dict) or not row:
            return row
        order = row.get("order")
        kind = rng.randrange(6)
        if kind == 0 and isinstance(order, dict):
            return row | {
                "order": order | {k: f"-{order[k]}" for k in ("basePrice", "currentPrice") if k in order}
            }
        if kind == 1 and isinstance(order, dict):
            return row | {"order": {k: (v if k != "paymentToken" else 7) for k, v in order.items()}}
        if kind == 2:
            return row | {rng.choice(sorted(row)): {"unexpected": [1, 2]}}
        if kind == 3:
            gone = rng.choice(sorted(row))
            return {k: v for k, v in row.items() if k != gone}
        if kind == 4:
            return "not a row"
        return row | {k: "NaN" for k in ("id", "breedCount", "createdAt", "birthDate") if k in row}
