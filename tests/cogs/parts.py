"""Real parts, small enough to know their answers, that stand behind the bot in these tests."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec

from bot.errors import AlreadyRunning, NoChampion, NotFound
from bot.services.runs import Run, Runs
from models.registry import Registry
from pipeline.clock import Clock
from pipeline.market.budget import RequestBudget
from pipeline.market.pages import AxieDetail, Page
from pipeline.market.values import (
    Axie,
    AxieClass,
    Listing,
    OrderStatus,
    Part,
    Rates,
    Resolution,
    Sale,
    Slot,
    Stats,
    Token,
)
from pipeline.signal import Comparable, Contribution, Forecast, Prediction

RATES = Rates(
    datetime(2026, 6, 1, tzinfo=UTC),
    {Token.WETH: 2500.0, Token.USDC: 1.0, Token.AXS: 3.0, Token.WRON: 0.8, Token.SLP: 0.002},
)
GAS_USD = 0.0056
_serial = count(11_823_451)
_PARTS = {
    Slot.EYES: "eyes-puppy",
    Slot.EARS: "ears-leafy",
    Slot.MOUTH: "mouth-serious",
    Slot.HORN: "horn-cactus",
    Slot.BACK: "back-pumpkin",
    Slot.TAIL: "tail-carrot",
}


class Shelf:
    """A marketplace that knows the axies put on it and the status of orders; it may be shut."""

    def __init__(self) -> None:
        self.details: dict[int, AxieDetail] = {}
        self.statuses: dict[str, OrderStatus] = {}  # open where it does not say
        self.unknown: set[str] = set()
        self.failure: Exception | None = None
        self.asked: list[str] = []
        self.sold: list[Sale] = []
        self.budget = RequestBudget()

    async def axies(self, ids: Iterable[int]) -> dict[int, AxieDetail]:
        if self.failure:
            raise self.failure
        return {id_: self.details[id_] for id_ in ids if id_ in self.details}

    async def sales_of(self, axie_id: int, size: int = 10) -> Page[Sale]:
        if self.failure:
            raise self.failure
        found = tuple(sale for sale in self.sold if sale.axie.id == axie_id)[:size]
        return Page(found, (), None, (), len(found), 0.0, RATES.at)

    async def orders(self, hashes: Iterable[str]) -> dict[str, Resolution]:
        if self.failure:
            raise self.failure
        self.asked += hashes
        now = datetime.now(UTC)
        return {
            hash_: Resolution(hash_, self.statuses.get(hash_, OrderStatus.OPEN), now)
            for hash_ in hashes
            if hash_ not in self.unknown
        }


class RulePredictor:
    """Plants resell for 20 dollars and everything else for 10, give or take a quarter."""

    def __init__(self, clock: Clock, registry: Registry | None = None) -> None:
        self._clock = clock
        self._registry = registry
        self.rates: Rates | None = RATES
        self.contributions: tuple[Contribution, ...] = ()
        self.version: str | None = "20260601-120000-a1b2c3"
        self.card: dict[str, Any] | None = {
            "version": "20260601-120000-a1b2c3",
            "created_at": "2026-06-01T12:00:00+00:00",
            "rows": 66_413,
            "data_from": "2026-03-01T00:00:00+00:00",
            "data_to": "2026-05-31T00:00:00+00:00",
            "members": {
                "boosted trees": {"weight": 0.55, "median_ape": 0.16},
                "comparables": {"weight": 0.3, "median_ape": 0.17},
                "ridge": {"weight": 0.15, "median_ape": 0.21},
                "forest": {"weight": 0.0, "median_ape": 0.3},
            },
            "metrics": {"rows": 9000, "median_ape": 0.153, "r2_log": 0.912, "coverage_90": 0.901},
        }

    async def refresh(self) -> bool:
        assert self._registry is not None
        champion = self._registry.champion()
        self.card = {**(self.card or {}), "version": champion, **self._registry.card(champion).facts}
        self.version, before = champion, self.version
        return champion != before

    def forecast(self, axie: Axie) -> Forecast:
        if self.version is None:
            raise NoChampion("No model has been trained yet: run /model retrain.")
        forecast = make_forecast(axie, self._clock.now(), self.version)
        return msgspec.structs.replace(forecast, contributions=self.contributions)

    def history(self, axie: Axie) -> list[Comparable]:
        forecast = self.forecast(axie)
        hours = range(6, 200, 9)
        others = [
            Comparable(
                9_000_000 + hour,
                forecast.resale_usd * (0.8 + hour % 7 / 15),
                forecast.at - timedelta(hours=hour),
                "same class",
            )
            for hour in hours
        ]
        return [*forecast.comparables, *others]

    def predict(self, listing: Listing) -> Prediction:
        return price(listing, self.forecast(listing.axie))


class StepwiseRetraining:
    """A training whose steps the test takes; its runs are real rows."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._ended = asyncio.Event()
        self.current: Run | None = None

    async def start(self, actor: int, guild_id: int) -> Run:
        if self.current is not None:
            raise AlreadyRunning("A training is under way already.")
        self.current = await self._runs.get(await self._runs.begin(actor, guild_id))
        assert self.current is not None
        return self.current

    async def wait(self, run_id: int) -> Run | None:
        if self.current is not None and self.current.id == run_id:
            await self._ended.wait()
        return await self._runs.get(run_id)

    async def cancel(self, run_id: int, by: str) -> None:
        if self.current is None or self.current.id != run_id:
            raise NotFound(f"Training run {run_id} is not under way any more.")
        await self.end("cancelled", error=f"{by} cancelled it")

    def step(self, stage: str, fraction: float) -> None:
        assert self.current is not None
        self.current = msgspec.structs.replace(self.current, stage=stage, fraction=fraction)

    async def end(self, state: str, **facts: Any) -> None:
        assert self.current is not None
        await self._runs.finish(self.current.id, state, **facts)
        self.current = None
        self._ended.set()


def make_axie(**over: Any) -> Axie:
    class_ = over.get("class_", AxieClass.PLANT)
    fields: dict[str, Any] = {
        "id": next(_serial),
        "class_": class_,
        "parts": tuple(Part(id_, slot, class_) for slot, id_ in _PARTS.items()),
        "breed_count": 2,
        "level": 14,
        "purity": 92,
        "stats": Stats(hp=61, speed=31, skill=31, morale=41),
    }
    return Axie(**(fields | over))


def make_listing(at: datetime, **over: Any) -> Listing:
    """A listing of a plant for 12.50 dollars, 41 seconds old."""
    axie = over.pop("axie", None) or make_axie()
    fields: dict[str, Any] = {
        "hash": "0x" + hashlib.sha256(f"{axie.id}".encode()).hexdigest(),
        "axie": axie,
        "seller": "0x" + "cd" * 20,
        "token": Token.WETH,
        "base": 5 * 10**15,
        "ended": 0,
        "started_at": at - timedelta(seconds=41),
        "ended_at": None,
        "expires_at": at + timedelta(days=180),
        "fee_bps": 425,
        "status": OrderStatus.OPEN,
        "seen_at": at,
    }
    return Listing(**(fields | over))


def make_forecast(axie: Axie, at: datetime, version: str = "20260601-120000-a1b2c3") -> Forecast:
    resale = 20.0 if axie.class_ is AxieClass.PLANT else 10.0
    sold = (
        Comparable(11_402_118, resale * 0.98, at - timedelta(hours=3), "same build"),
        Comparable(9_870_554, resale * 1.04, at - timedelta(days=1), "same battle parts"),
        Comparable(11_655_031, resale * 0.93, at - timedelta(days=4), "same class and three parts"),
    )
    return Forecast(axie.id, at, version, resale, resale * 0.75, resale * 1.25, sold)


def price(listing: Listing, forecast: Forecast, **over: Any) -> Prediction:
    ask = listing.ask(forecast.at).usd(RATES)
    fee = listing.fee_bps / 10_000
    net = forecast.resale_usd * (1 - fee) - ask - GAS_USD
    fields: dict[str, Any] = {
        "forecast": forecast,
        "listing_hash": listing.hash,
        "ask_usd": ask,
        "gas_usd": GAS_USD,
        "fee": fee,
        "net_usd": net,
        "return_": net / (ask + GAS_USD),
        "probability": 0.97 if net > 0 else 0.08,
    }
    return Prediction(**(fields | over))
