"""Generated market data for the tests of collection and labels: axies, listings, sales with their truth."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.market.values import (
    Axie,
    AxieClass,
    Listing,
    OrderStatus,
    Part,
    Rates,
    Sale,
    Slot,
    Stats,
    Token,
)

NOW = datetime(2026, 7, 1, tzinfo=UTC)
RATES = Rates(
    NOW,
    {Token.WETH: 3100.0, Token.USDC: 1.0, Token.AXS: 2.1, Token.WRON: 0.55, Token.SLP: 0.0014},
)
SHARES = {Token.WETH: 4332, Token.USDC: 3318, Token.AXS: 290, Token.WRON: 207, Token.SLP: 12}
SPECIALS = {"Mystic": 2517.0, "Japan": 64.0, "SummerBreed1": 14.0, "Nightmare": 26.0}


@dataclass(frozen=True)
class TrueSale:
    """A sale with what the feed does not tell."""

    sale: Sale
    token: Token
    price_usd: float


def axie(axie_id: int, rng: random.Random | None = None, **changes: object) -> Axie:
    rng = rng or random.Random(axie_id)
    classes = list(AxieClass)[:6]
    own = rng.choice(classes)
    special = rng.choice(list(SPECIALS)) if rng.random() < 0.02 else None
    horn = rng.randrange(6)
    parts = tuple(
        Part(
            f"{slot}-{rng.randrange(12)}", slot, rng.choice([own, own, *classes]), rng.choice([1, 1, 1, 2]),
            special if index == horn else None,
        )
        for index, slot in enumerate(Slot)
    )  # fmt: skip
    values: dict[str, object] = {
        "id": axie_id,
        "class_": own,
        "parts": parts,
        "breed_count": rng.randrange(8),
        "level": rng.randrange(1, 61),
        "purity": rng.randrange(101),
        "stats": Stats(31, 33, 35, 37),
        "genes": f"0x{rng.getrandbits(500):x}",
    }
    values |= changes
    return Axie(**values)  # type: ignore[arg-type]


def worth(of: Axie, rng: random.Random) -> float:
    """Dollars, heavy in the upper tail like the real market."""
    special = next((part.special for part in of.parts if part.special), None)
    middle, spread = (SPECIALS[special], 0.9) if special else (2.9, 0.45)
    if not special and rng.random() < 0.08:
        spread = 1.5
    return middle * rng.lognormvariate(0.0, spread)


def amount_of(usd: float, token: Token, rates: Rates = RATES) -> int:
    whole = usd / rates.usd[token]
    return max(1, round(whole * 10 ** min(token.decimals, 6)) * 10 ** max(0, token.decimals - 6))


def wallet(number: int) -> str:
    return f"0x{number:040x}"


def true_sales(
    count: int, *, seed: int = 1, span: timedelta = timedelta(days=4), end: datetime = NOW
) -> list[TrueSale]:
    """Sales evenly random over a span before `end`, whole seconds, in order of time, wallets all new."""
    rng = random.Random(seed)
    seconds = int(span.total_seconds())
    instants = sorted(rng.randrange(seconds) for _ in range(count))
    made = []
    for number, second in enumerate(instants):
        subject = axie(1_000_000 + number, rng)
        token = rng.choices(list(SHARES), list(SHARES.values()))[0]
        amount = amount_of(worth(subject, rng), token)
        usd = amount / 10**token.decimals * RATES.usd[token]
        sold_at = end - span + timedelta(seconds=second)
        sale = Sale(
            f"sale-{seed}-{number}", subject, sold_at, amount, wallet(2 * number + 1), wallet(2 * number + 2)
        )
        made.append(TrueSale(sale, token, usd))
    return made


def listing(number: int, of: Axie | None = None, **changes: object) -> Listing:
    values: dict[str, object] = {
        "hash": f"0x{number:064x}", "axie": of or axie(5_000_000 + number), "seller": wallet(10**6 + number),
        "token": Token.WETH, "base": 10**15, "ended": 0, "started_at": NOW - timedelta(minutes=number + 1),
        "ended_at": None, "expires_at": NOW + timedelta(days=180), "fee_bps": 425, "status": OrderStatus.OPEN,
        "seen_at": NOW - timedelta(minutes=number),
    } | changes  # fmt: skip
    return Listing(**values)  # type: ignore[arg-type]
