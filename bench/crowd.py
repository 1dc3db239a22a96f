"""A database as it is after half a year in 500 servers, written straight to SQLite.

Bodies are those of one listing and one prediction with their own hash and axie, so every row is read as any
other; times are spread evenly, and one server has a fifth of all alerts.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from pipeline.market.values import AxieClass, Listing
from pipeline.signal import Filters, Prediction, Thresholds

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
BIG = 1  # the server with the most alerts
CLASSES = tuple(AxieClass)
KINDS = ("summer", "nightmare", "japanese", "mystic")
PER_DAY = 10_000  # new listings of the market
SALES_PER_DAY = 4_600


@dataclass(frozen=True, slots=True)
class Crowd:
    """How much there is."""

    predictions: int = 2_000_000
    alerts: int = 50_000
    guilds: int = 500
    watches: int = 5_000
    sales_days: int = 90


def fill(file: Path, crowd: Crowd, listing: Listing, prediction: Prediction) -> None:
    """Fill a migrated database. Indexes are made anew at the end, which is several times as fast."""
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -500000")
        made = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        indexes = db.execute(made).fetchall()
        for name, _ in indexes:
            db.execute(f"DROP INDEX {name}")
        _people(db, crowd)
        _predictions(db, crowd, listing, prediction)
        _alerts(db, crowd)
        _market(db, crowd)
        for _, sql in indexes:
            db.execute(sql)
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA journal_mode = WAL")


def _insert(db: sqlite3.Connection, table: str, columns: str, rows: Iterator[tuple[object, ...]]) -> None:
    marks = ", ".join("?" * len(columns.split(", ")))
    db.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)


def _at(moment: datetime) -> str:
    """As SQLAlchemy writes a time to SQLite."""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def _seen(number: int, crowd: Crowd) -> datetime:
    """The newest listing has the highest number; twenty come in one page."""
    page = (crowd.predictions - number) // 20
    return NOW - timedelta(seconds=page * 20 * 86_400 / PER_DAY)


def _people(db: sqlite3.Connection, crowd: Crowd) -> None:
    since = _at(NOW - timedelta(days=200))
    _insert(db, "guilds", "id, known_since", ((guild, since) for guild in range(1, crowd.guilds + 1)))
    thresholds, filters = msgspec.json.encode(Thresholds()).decode(), msgspec.json.encode(Filters()).decode()
    names = ((n, n % crowd.guilds + 1, f"watch {n}") for n in range(1, crowd.watches + 1))
    _insert(
        db,
        "watches",
        "id, guild_id, channel_id, name, name_key, thresholds, filters, created_by, created_at, paused",
        ((n, guild, guild, name, name, thresholds, filters, 1, since, 0) for n, guild, name in names),
    )


def _predictions(db: sqlite3.Connection, crowd: Crowd, listing: Listing, prediction: Prediction) -> None:
    chance = random.Random(1)
    body = _template(msgspec.json.encode(listing).decode(), listing.hash, listing.axie.id)
    told = _template(msgspec.json.encode(prediction).decode(), listing.hash, listing.axie.id)

    def numbers() -> Iterator[tuple[int, str, int, str]]:
        for n in range(1, crowd.predictions + 1):
            axie = 1_000_000 + n * 7_919 % 11_000_000
            yield n, hash_of(n), axie, _at(_seen(n, crowd))

    _insert(
        db,
        "listings",
        "hash, axie_id, token, base, ended, status, seen_at, recorded_at, alerted, next_check_at, body",
        (
            (
                hash_,
                axie,
                "WETH",
                "5000000000000000",
                "0",
                _status(n),
                at,
                at,
                0,
                at,
                body.replace("HASH", hash_).replace("AXIE", str(axie)),
            )
            for n, hash_, axie, at in numbers()
        ),
    )
    _insert(
        db,
        "predictions",
        "listing_hash, at, class, collection, model_version, ask_usd, resale_usd, low_usd, high_usd, "
        'net_usd, "return", probability, body',
        (
            (
                hash_,
                at,
                CLASSES[n % len(CLASSES)],
                KINDS[n % len(KINDS)] if n % 25 == 0 else None,
                "20260530-000000-aaaaaa",
                12.5,
                14.0,
                10.0,
                19.0,
                chance.gauss(-4.0, 3.0),
                0.1,
                chance.random(),
                told.replace("HASH", hash_).replace("AXIE", str(axie)),
            )
            for n, hash_, axie, at in numbers()
        ),
    )
    _insert(
        db,
        "outcomes",
        "listing_hash, status, at, axie_id, sold_usd, net_usd, basis",
        (
            (
                hash_,
                "Matched" if n % 5 < 2 else "Cancelled",
                at,
                axie,
                12.5,
                chance.gauss(3.0, 4.0),
                "forecast",
            )
            for n, hash_, axie, at in numbers()
            if n % 5 < 3
        ),
    )


def _status(number: int) -> str:
    return ("Matched", "Matched", "Cancelled", "Open", "Open")[number % 5]


def _alerts(db: sqlite3.Connection, crowd: Crowd) -> None:
    chance = random.Random(2)
    step = crowd.predictions // crowd.alerts

    def each() -> Iterator[tuple[int, int, int, int]]:
        for n in range(1, crowd.alerts + 1):
            guild = BIG if n % 5 == 0 else chance.randrange(1, crowd.guilds + 1)
            yield n, n * step, guild, (guild - 2) % crowd.guilds + 1 + crowd.guilds * chance.randrange(10)

    rows = list(each())
    _insert(
        db,
        "posts",
        "id, guild_id, channel_id, nonce, message_id, revision",
        ((n, guild, guild, f"n{n}", n, 0) for n, _, guild, _ in rows),
    )
    _insert(
        db,
        "alerts",
        "id, post_id, watch_id, listing_hash, current_hash, clears, guild_id, channel_id, watch_name, state, "
        "attempts, created_at, settled_at, queued_at, next_attempt_at",
        (
            (
                n,
                n,
                watch,
                hash_of(number),
                hash_of(number),
                1,
                guild,
                guild,
                f"watch {watch}",
                "delivered",
                1,
                *([_at(_seen(number, crowd))] * 4),
            )
            for n, number, guild, watch in rows
        ),
    )


def _market(db: sqlite3.Connection, crowd: Crowd) -> None:
    chance = random.Random(3)

    def sales() -> Iterator[tuple[object, ...]]:
        for n in range(crowd.sales_days * SALES_PER_DAY):
            at = NOW - timedelta(seconds=n * 86_400 / SALES_PER_DAY)
            price = chance.lognormvariate(1.5, 1.0)
            told = (price * chance.lognormvariate(0, 0.2), price * 0.7, price * 1.4)
            kind = KINDS[n % len(KINDS)] if n % 25 == 0 else None
            hour = int(at.timestamp()) // 3600
            axie = 1_000_000 + n * 7_919 % 11_000_000
            yield f"0x{n}", _at(at), hour, axie, CLASSES[n % 9], kind, price, *told, "20260530-000000-aaaaaa"

    columns = (
        "id, at, hour, axie_id, class, collection, price_usd, forecast_usd, low_usd, high_usd, model_version"
    )
    _insert(db, "sales", columns, sales())
    steps = crowd.sales_days * 96
    _insert(
        db,
        "floors",
        '"group", at, floor_usd, listed, level_usd',
        (
            (group, _at(NOW - timedelta(minutes=15 * n)), 1.0 + n / steps, 30_000, 5.0)
            for group in ("all", *(f"class:{each}" for each in CLASSES))
            for n in range(steps)
        ),
    )


def hash_of(number: int) -> str:
    """An order's hash, which like a real one tells nothing of its order in time."""
    return f"0x{number * 0x9E3779B97F4A7C15 % 2**64:016x}{number:048x}"


def _template(text: str, hash_: str, axie: int) -> str:
    json.loads(text)
    return text.replace(hash_, "HASH").replace(str(axie), "AXIE")
