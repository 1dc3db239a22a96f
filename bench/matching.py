"""How long it takes to hold a page of new listings against many watches, beside asking each watch's rule.

Two pages: an ordinary one, of which one listing in twenty promises a profit, and one of nothing but
bargains, where every filter has to be looked at. `python -m bench.matching` prints both ways by itself.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table

from bench.timing import Quantiles, measure
from pipeline.market.traits import Collection
from pipeline.market.values import Axie, AxieClass, Listing, OrderStatus, Part, Slot, Token
from pipeline.matching import Matcher
from pipeline.signal import Filters, Forecast, Prediction, Thresholds, refusal

WATCHES, PAGE = 5_000, 100
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NAMES = [f"part-{number}" for number in range(40)]

Rules = list[tuple[Thresholds, Filters]]
Priced = list[tuple[Listing, Prediction]]


def run(times: int = 50) -> dict[str, Quantiles]:
    """Time both ways on both pages; they must find the same."""
    rules = _rules(random.Random(7))
    found: dict[str, Quantiles] = {}
    for name, share in (("match", 0.05), ("match_bargains", 1.0)):
        page = _page(random.Random(11), share)
        matcher = Matcher(rules)
        if _ours(matcher, page) != _naive(rules, page):
            raise RuntimeError("the two ways of matching do not find the same signals")
        found[f"{name}_page_100_ms"] = measure(lambda m=matcher, p=page: _ours(m, p), times, 3)
        found[f"{name}_page_100_naive_ms"] = measure(lambda p=page: _naive(rules, p), max(3, times // 10), 1)
    return found | {"match_prepare_ms": measure(lambda: Matcher(rules), max(3, times // 5), 1)}


def _ours(matcher: Matcher, page: Priced) -> list[list[int]]:
    return [matcher.matching(listing, prediction, NOON) for listing, prediction in page]


def _naive(rules: Rules, page: Priced) -> list[list[int]]:
    return [
        [
            number
            for number, (thresholds, filters) in enumerate(rules)
            if refusal(thresholds, filters, listing, prediction, NOON) is None
        ]
        for listing, prediction in page
    ]


def _rules(chance: random.Random) -> Rules:
    return [(_thresholds(chance), _filters(chance)) for _ in range(WATCHES)]


def _thresholds(chance: random.Random) -> Thresholds:
    return Thresholds(
        chance.choice([0.5, 1.0, 2.0, 5.0]), chance.choice([0.1, 0.15, 0.3]), chance.choice([0.6, 0.7, 0.9])
    )


def _filters(chance: random.Random) -> Filters:
    def sometimes(share: float, value: object) -> object:
        return value if chance.random() < share else None

    return Filters(
        classes=tuple(chance.sample(list(AxieClass), 2)) if chance.random() < 0.5 else (),
        collections=(chance.choice(list(Collection)),) if chance.random() < 0.1 else (),
        parts=tuple(f"{slot}-{chance.choice(NAMES)}" for slot in chance.sample(list(Slot), 2))
        if chance.random() < 0.2
        else (),
        max_breed_count=sometimes(0.4, chance.randint(0, 5)),  # type: ignore[arg-type]
        min_purity=sometimes(0.3, chance.randint(10, 90)),  # type: ignore[arg-type]
        max_price_usd=sometimes(0.5, chance.uniform(5, 100)),  # type: ignore[arg-type]
        max_age_s=sometimes(0.3, 600),  # type: ignore[arg-type]
    )


def _page(chance: random.Random, share: float) -> Priced:
    return [_priced(chance, number, chance.random() < share) for number in range(PAGE)]


def _priced(chance: random.Random, number: int, pays: bool) -> tuple[Listing, Prediction]:
    kind = chance.choice(list(AxieClass))
    parts = tuple(Part(f"{slot}-{chance.choice(NAMES)}", slot, kind) for slot in Slot)
    axie = Axie(number, kind, parts, chance.randint(0, 7), purity=chance.randint(1, 100), level=10)
    begun, ends = NOON - timedelta(seconds=30), NOON + timedelta(days=180)
    listing = Listing(
        f"0x{number}",
        axie,
        "0xseller",
        Token.WETH,
        10**16,
        0,
        begun,
        None,
        ends,
        425,
        OrderStatus.OPEN,
        NOON,
    )
    net = chance.uniform(0.5, 20) if pays else -chance.uniform(0, 20)
    forecast = Forecast(number, NOON, "v", 20.0, 15.0, 26.0, ())
    chances = (chance.uniform(0.6, 1), chance.uniform(0, 1)) if pays else (0.1, 0.1)
    return listing, Prediction(forecast, listing.hash, 12.5, 0.01, 0.0425, net, chances[1], chances[0])


def main() -> None:
    """Measure and print."""
    table = Table(f"{PAGE} new listings against {WATCHES:,} watches, ms", "p50", "p99")
    for name, values in run().items():
        table.add_row(name, f"{values['p50']:.2f}", f"{values['p99']:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
