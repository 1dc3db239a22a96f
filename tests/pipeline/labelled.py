"""A store with the rates of a moment, and what is labelled of sales in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from pipeline.datasets import write_records
from pipeline.labels import LabelResult, build_sales
from pipeline.market.values import Sale
from pipeline.objects import LocalStore
from tests.pipeline.market_data import NOW, RATES, axie, wallet

MINUTE = timedelta(minutes=1)


def build(store: LocalStore, sales: list[Sale], since: datetime | None = None) -> LabelResult:
    write_records(store, "sales", "run", sales)
    return build_sales(store, since=since)


def with_rates(folder: Path) -> LocalStore:
    made = LocalStore(folder)
    write_records(made, "rates", "first", [replace(RATES, at=NOW - timedelta(days=9))])
    return made


def sale(number: int, axie_id: int, from_: int, to: int, **changes: object) -> Sale:
    values: dict[str, object] = {
        "id": f"sale-{number}",
        "axie": axie(axie_id),
        "sold_at": NOW - timedelta(hours=5) + number * MINUTE,
        "amount": 3_000_000,  # of USDC: three dollars
        "seller": wallet(from_),
        "buyer": wallet(to),
    }
    return Sale(**(values | changes))  # type: ignore[arg-type]
