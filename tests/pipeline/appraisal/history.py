"""A small made-up history of sales in which builds have prices of their own."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pandas as pd

from pipeline.appraisal.subject import SLOTS, AskEvent, Event, SaleEvent, Subject

START = 1_780_000_000.0
NOISE = 0.15


def builds(count: int = 40, seed: int = 1) -> list[tuple[Subject, float]]:
    """Subjects with the log price of each."""
    rng = random.Random(seed)
    made = []
    for index in range(count):
        cls = rng.choice(["Beast", "Plant", "Aquatic"])
        parts = tuple(f"{slot}-{rng.randrange(8)}" for slot in SLOTS)
        made.append((Subject(index, cls, parts, rng.randrange(4), pure_parts=3.0), rng.gauss(1.0, 0.7)))
    return made


def events(count: int, seed: int = 1, drift_a_day: float = 0.0) -> list[SaleEvent]:
    """Sales ten a market hour; the whole market drifts by `drift_a_day` in log price."""
    rng = random.Random(seed)
    known = builds(seed=seed)
    weights = [1 / (rank + 1) for rank in range(len(known))]
    made = []
    for index in range(count):
        at = START + index * 360.0
        subject, value = rng.choices(known, weights)[0]
        log_price = value + drift_a_day * (at - START) / 86400 + rng.gauss(0, NOISE)
        made.append(SaleEvent(replace(subject, axie_id=10_000 + index), at, math.exp(log_price)))
    return made


def mixed(count: int, seed: int = 1) -> list[Event]:
    """Sales with asks among them; some axies are sold after they were listed, some twice."""
    rng = random.Random(seed)
    made: list[Event] = []
    for sale in events(count, seed=rng.randrange(5)):
        subject = replace(sale.subject, axie_id=rng.randrange(60))
        if rng.random() < 0.4:
            made.append(AskEvent(subject, sale.at, sale.price_usd * 1.2, rng.choice("abc")))
        else:
            quotes = [
                ("WETH", rng.uniform(1900, 2100)),
                (f"breeding_cost_usd_{rng.randint(1, 7)}", rng.uniform(8, 9)),
            ]
            made.append(replace(sale, subject=subject, quotes=quotes[: rng.randrange(3)]))
    return made


def table(sales: list[SaleEvent]) -> pd.DataFrame:
    """The same as a sales table."""
    return pd.DataFrame(
        {
            "axie_id": [sale.subject.axie_id for sale in sales],
            "sold_at": pd.to_datetime([sale.at for sale in sales], unit="s", utc=True),
            "price_usd": [sale.price_usd for sale in sales],
            "class": [sale.subject.class_ for sale in sales],
            "breed_count": [sale.subject.breed_count for sale in sales],
            **{slot: [sale.subject.parts[i] for sale in sales] for i, slot in enumerate(SLOTS)},
            "pure_parts": [sale.subject.pure_parts for sale in sales],
        }
    )
