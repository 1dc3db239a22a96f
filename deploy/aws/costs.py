"""What a month of the stack costs, item by item, from list prices and the template's sizes.

Prices are assumptions with a place and a date, and change: `PRICES` is where. Nothing of a free tier is
taken off, and neither is tax added.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

HOURS = 730.0
DAYS = HOURS / 24


@dataclass(frozen=True, slots=True)
class Prices:
    """In US dollars: of a vCPU and a GB of memory an hour, and so on."""

    region: str = "us-east-1 (N. Virginia)"
    of: str = "November 2025"
    vcpu_hour: float = 0.04048
    memory_gb_hour: float = 0.004445
    arm: float = 0.80  # share of the price
    spot: float = 0.35  # share of the price; it moves, and was between 0.30 and 0.40
    public_ip_hour: float = 0.005
    standard_gb_month: float = 0.023
    put_thousand: float = 0.005
    get_thousand: float = 0.0004
    secret_month: float = 0.40
    secret_reads_thousand: float = 0.005
    log_gb: float = 0.50
    log_gb_month: float = 0.03
    metric_month: float = 0.30
    alarm_month: float = 0.10


@dataclass(frozen=True, slots=True)
class Size:
    """The stack as the template's defaults make it, and what it is taken to do in a month."""

    bot_vcpu: float = 0.25
    bot_gb: float = 0.5
    collector_vcpu: float = 0.25
    collector_gb: float = 1.0
    collections_a_day: float = 3.0
    collection_minutes: float = 12.0  # ten of work, and its start
    trainer_vcpu: float = 2.0
    trainer_gb: float = 8.0
    trainings_a_day: float = 1.0
    training_minutes: float = 30.0
    secrets: int = 3
    metrics: int = 5
    alarms: int = 5
    log_gb: float = 0.3
    stored_gb: float = 5.0
    puts: float = 30_000  # records, models and reports
    gets: float = 400_000  # the trainer's reading of all records, and the bot's looks for a new champion
    writes_a_second: float = 0.25  # commits that the replica of SQLite sends on, each with a PUT of its own
    arm: bool = False
    spot: bool = True


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the bill."""

    name: str
    reckoned: str
    usd: float


def items(size: Size, prices: Prices) -> Iterator[Item]:
    """The bill, line by line."""
    p, share = prices, prices.arm if size.arm else 1.0

    def task(name: str, vcpu: float, memory: float, hours: float, discount: float) -> Item:
        hourly = (vcpu * p.vcpu_hour + memory * p.memory_gb_hour) * share * discount
        spot = ", Spot" if discount < 1 else ""
        return Item(name, f"{vcpu:g} vCPU and {memory:g} GB for {hours:,.0f} h{spot}", hourly * hours)

    collecting = size.collections_a_day * DAYS * size.collection_minutes / 60
    training = size.trainings_a_day * DAYS * size.training_minutes / 60
    discount = p.spot if size.spot else 1.0
    yield task("bot", size.bot_vcpu, size.bot_gb, HOURS, 1.0)
    yield task("collector", size.collector_vcpu, size.collector_gb, collecting, discount)
    yield task("trainer", size.trainer_vcpu, size.trainer_gb, training, discount)
    addressed = HOURS + collecting + training
    yield Item("public addresses", f"{addressed:,.0f} h of one", addressed * p.public_ip_hour)
    yield Item("bucket, storage", f"{size.stored_gb:g} GB", size.stored_gb * p.standard_gb_month)
    asked = (size.puts * p.put_thousand + size.gets * p.get_thousand) / 1000
    yield Item("bucket, requests", f"{size.puts:,.0f} PUT and {size.gets:,.0f} GET", asked)
    written = size.writes_a_second * HOURS * 3600
    yield Item(
        "replica of SQLite",
        f"{written:,.0f} PUT, one for each of {size.writes_a_second:g} writes a second",
        written * p.put_thousand / 1000,
    )
    yield Item("secrets", f"{size.secrets} of them", size.secrets * p.secret_month)
    yield Item("metrics", f"{size.metrics} of the log", size.metrics * p.metric_month)
    yield Item("alarms", f"{size.alarms} of them", size.alarms * p.alarm_month)
    logs = size.log_gb * (p.log_gb + p.log_gb_month)
    yield Item("logs", f"{size.log_gb:g} GB written and kept for a month", logs)


def table(size: Size, prices: Prices) -> str:
    """The bill in Markdown, with its sum."""
    lines = ["| item | what | USD a month |", "| --- | --- | ---: |"]
    found = list(items(size, prices))
    lines += [f"| {each.name} | {each.reckoned} | {each.usd:.2f} |" for each in found]
    return "\n".join([*lines, f"| **sum** | | **{sum(each.usd for each in found):.2f}** |"])


def as_lambda(size: Size, gb_second: float = 0.0000166667) -> float:
    """What a function that never sleeps would cost in the bot's place, with its memory alone."""
    return size.bot_gb * HOURS * 3600 * gb_second


def chosen(*, arm: bool, spot: bool) -> Size:
    """The template's sizes on another architecture, or without Spot."""
    return replace(Size(), arm=arm, spot=spot)
