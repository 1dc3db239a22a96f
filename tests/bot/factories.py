"""Small builders of domain values: plausible by default, and any field set by name."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from pipeline.market.values import Axie, AxieClass, Listing, OrderStatus, Part, Slot, Stats, Token
from pipeline.signal import Comparable, Forecast, Prediction

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
_numbers = count(1000)


def make_axie(**over: Any) -> Axie:
    """A common adult axie with a number of its own."""
    class_ = over.get("class_", AxieClass.BEAST)
    fields: dict[str, Any] = {
        "id": next(_numbers),
        "class_": class_,
        "parts": tuple(Part(f"{slot}-plain", slot, class_) for slot in Slot),
        "breed_count": 2,
        "owner": "0x" + "ab" * 20,
        "level": 10,
        "purity": 6,
        "stats": Stats(hp=31, speed=41, skill=31, morale=61),
    }
    return Axie(**(fields | over))


def make_listing(**over: Any) -> Listing:
    """An open listing of a new axie at a fixed 0.005 WETH, seen at noon, with a hash of its own."""
    fields: dict[str, Any] = {
        "hash": "0x" + hashlib.sha256(str(next(_numbers)).encode()).hexdigest(),
        "axie": over["axie"] if "axie" in over else make_axie(),
        "seller": "0x" + "cd" * 20,
        "token": Token.WETH,
        "base": 5 * 10**15,
        "ended": 0,
        "started_at": NOON - timedelta(seconds=5),
        "ended_at": None,
        "expires_at": NOON + timedelta(days=180),
        "fee_bps": 525,
        "status": OrderStatus.OPEN,
        "seen_at": NOON,
    }
    return Listing(**(fields | over))


def make_forecast(**over: Any) -> Forecast:
    """A forecast of 20 dollars, between 15 and 26, from one comparable."""
    fields: dict[str, Any] = {
        "axie_id": 1,
        "at": NOON,
        "model_version": "2026-06-01T00-00-00Z",
        "resale_usd": 20.0,
        "low_usd": 15.0,
        "high_usd": 26.0,
        "comparables": (Comparable(2, 19.5, NOON - timedelta(days=1), "same build"),),
    }
    return Forecast(**(fields | over))


def make_prediction(listing: Listing, **over: Any) -> Prediction:
    """A prediction that makes the listing a good buy: net 4 dollars, 32 % return, 93 % likely."""
    fields: dict[str, Any] = {
        "forecast": over["forecast"]
        if "forecast" in over
        else make_forecast(axie_id=listing.axie.id, at=listing.seen_at),
        "listing_hash": listing.hash,
        "ask_usd": 12.5,
        "gas_usd": 0.01,
        "fee": listing.fee_bps / 10_000,
        "net_usd": 4.0,
        "return_": 0.32,
        "probability": 0.93,
    }
    return Prediction(**(fields | over))
