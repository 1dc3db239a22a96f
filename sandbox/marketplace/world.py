"""One running market: its economy, its clock, and the log of what people did to it.

The economy is determined by its configuration, so a world is saved as configuration, time and log, and
restored by living it again: a small file of plain JSON, that no half-written state can spoil.
"""

import contextlib
import json
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sandbox.marketplace.clock import MarketClock
from sandbox.marketplace.config import MarketConfig
from sandbox.marketplace.economy import Economy
from sandbox.marketplace.execution import FIELDS
from sandbox.marketplace.faults import Faults
from sandbox.marketplace.injection import InjectionError, inject
from sandbox.marketplace.orders import Order

_FORMAT: Final = 1
_OF_THE_WORLD: Final = ("seed", "history_days", "epoch", "month", "book", "sales_a_day")


class StateError(RuntimeError):
    """A saved world cannot be restored."""


class World:
    """The economy with everything that acts on it."""

    def __init__(self, config: MarketConfig, *, saved: dict[str, Any] | None = None) -> None:
        if saved is not None:
            known = {k: saved["config"][k] for k in _OF_THE_WORLD}
            config = replace(config, **known | {"epoch": datetime.fromisoformat(known["epoch"])})
        self.config = config
        self.economy = Economy(config)
        self._log: list[dict[str, Any]] = []
        self.clock = MarketClock(self.economy.now, config.speed)
        self.faults = Faults(config.seed, FIELDS)
        if saved is not None:
            self._relive(saved)

    def catch_up(self) -> float:
        """Bring the economy to the clock's now, and return it."""
        now = self.clock.now()
        self.economy.advance(now)
        return now

    def advance(self, seconds: float) -> float:
        """Let market time jump forward; returns the new now."""
        self.clock.advance(seconds)
        return self.catch_up()

    def set_demand(self, demand: float) -> None:
        """How eager buyers are; 1 is normal, 0 means that nobody buys."""
        self._act("demand", demand)

    def set_supply(self, supply: float) -> None:
        """How often fresh axies are listed; 1 is normal."""
        self._act("supply", supply)

    def inject(self, wish: dict[str, Any]) -> Order:
        """List one axie as wished (see `injection.inject`)."""
        found: Order = self._act("inject", wish)
        return found

    def _act(self, kind: str, value: Any) -> Any:
        self.catch_up()
        # Logged first: a wish that turns out impossible may have drawn random numbers already.
        self._log.append({"at": self.economy.now, "kind": kind, "value": value})
        return self._apply(kind, value)

    def _apply(self, kind: str, value: Any) -> Any:
        if kind == "inject":
            return inject(self.economy, value)
        setattr(self.economy, kind, float(value))
        return None

    def _relive(self, saved: dict[str, Any]) -> None:
        for entry in saved["log"]:
            self.economy.advance(entry["at"])
            with contextlib.suppress(InjectionError):
                self._apply(entry["kind"], entry["value"])
        self.economy.advance(saved["now"])
        self._log = list(saved["log"])
        self.clock = MarketClock(self.economy.now, self.config.speed)
        if self._fingerprint() != saved["fingerprint"]:
            raise StateError("was saved by another version of the simulation: remove it to begin anew")

    def _fingerprint(self) -> list[float]:
        economy = self.economy
        return [len(economy.orders), len(economy.sales), economy.orders[-1].base if economy.orders else 0]

    def save(self, path: Path) -> None:
        """Write the world, atomically."""
        self.catch_up()
        config = {k: v for k, v in asdict(self.config).items() if k in _OF_THE_WORLD}
        state = {
            "format": _FORMAT,
            "config": config | {"epoch": self.config.epoch.isoformat()},
            "now": self.economy.now,
            "log": self._log,
            "fingerprint": self._fingerprint(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(json.dumps(state), encoding="utf-8")
        fresh.replace(path)


def open_world(config: MarketConfig, path: Path | None) -> World:
    """The world saved at `path`, or a new one; StateError where the file cannot be used."""
    if path is None or not path.exists():
        return World(config)
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        if saved["format"] != _FORMAT:
            raise StateError("has another format: remove it to begin anew")
        return World(config, saved=saved)
    except StateError as error:
        raise StateError(f"{path} {error}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"{path} does not hold a saved world ({type(error).__name__})") from None
