"""Raw rows and answers as the marketplace writes them, to be bent by each test."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw, json

from pipeline.market.decode import Seen

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
START = int(NOW.timestamp())
SEEN = Seen(received=1.0, at=NOW)
WETH = "0xC99a6A985eD2Cac1ef41640596C5A5f9F4E19Ef5"
SHARED = Path(__file__).resolve().parents[4] / "shared" / "market"
SLOTS = ("Eyes", "Ears", "Back", "Mouth", "Horn", "Tail")


def shared(name: str) -> Path:
    """A file of the reference folder, or a loud skip."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the reference folder has no {name}: not checked against it")
    return path


def order_row(hash_: str = "ab" * 32, **changes: Any) -> dict[str, Any]:
    return {
        "hash": hash_,
        "status": "Open",
        "kind": "Sell",
        "paymentToken": WETH,
        "basePrice": "1500000000000000",
        "endedPrice": "0",
        "startedAt": START - 60,
        "endedAt": 0,
        "expiredAt": START + 182 * 86_400,
        "maker": "0xABCDEF",
        "marketFeePercentage": 425,
    } | changes


def axie_row(id_: int = 22568, **changes: Any) -> dict[str, Any]:
    return {
        "id": str(id_),
        "class": "Aquatic",
        "stage": 4,
        "breedCount": 2,
        "owner": "0xABCDEF",
        "title": "",
        "newGenes": None,
        "birthDate": 1546611300,
        "purity": 50,
        "image": "https://example.test/a.png",
        "parts": [
            {
                "id": f"{slot.lower()}-koi",
                "class": "Aquatic",
                "type": slot,
                "stage": 1,
                "specialGenes": None,
            }
            for slot in SLOTS
        ],
        "stats": {"hp": 41, "speed": 48, "skill": 35, "morale": 36},
        "axpInfo": {"level": 7},
        "battleInfo": {"banned": False, "level": 0},
        "order": order_row(),
    } | changes


def activity_row(id_: int = 1, **changes: Any) -> dict[str, Any]:
    token = axie_row()
    del token["order"]
    return {
        "id": id_,
        "createdAt": START - 30,
        "txHash": "0xfeed",
        "activityDetails": {
            "maker": "0xSELLER",
            "matcher": "0xBUYER",
            "settlePrice": "141e+16",
            "orderKind": 1,
        },
        "token": token,
    } | changes


def axies_data(*rows: Any, total: int | None = None) -> dict[str, Any]:
    return {"axies": {"total": len(rows) if total is None else total, "results": list(rows)}}


def raw(value: Any) -> Raw:
    return Raw(json.encode(value))
