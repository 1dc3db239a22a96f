"""Settled sales, and the names on the chain that go with them: wallets and transactions.

Wallets and sales are numbers inside; their hexadecimal names follow from the seed.
"""

from dataclasses import dataclass
from functools import lru_cache

from sandbox.marketplace.orders import Order, order_hash


@dataclass(slots=True, eq=False)
class Sale:
    """One settled sale; `price` in the order's token, `shown` tells whether the feeds have it at all."""

    number: int
    at: float
    order: Order
    price: int
    buyer: int
    shown: bool
    undated_until: float


@lru_cache(maxsize=20_000)
def address(seed: int, wallet: int) -> str:
    """A wallet's address, 0x and 40 hex digits."""
    return "0x" + order_hash(seed, -1 - wallet)[:40]


def transaction(seed: int, sale: int) -> str:
    """A sale's transaction hash."""
    return "0x" + order_hash(seed, -10_000_000 - sale)
