"""Orders and money: tokens with their units, amounts as the API writes them, and the Dutch-auction formula.

An amount is an integer in the token's smallest unit. Times are market seconds since 1970.
"""

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

HALF_YEAR: Final = 182 * 86_400
FEE_BASIS_POINTS: Final = 425
AXIE_CONTRACT: Final = "0x32950db2a7164ae833121501c797d79e7b79d74c"


@dataclass(frozen=True, slots=True)
class Token:
    """A payment token. `rate` names its entry in the exchange rates; `share` is its part of new orders."""

    symbol: str
    address: str
    decimals: int
    rate: str
    share: float


# Shares: one day's sales were 4,332 WETH, 3,318 USDC, 290 AXS, 207 WRON and 12 SLP.
TOKENS: Final = (
    Token("WETH", "0xc99a6a985ed2cac1ef41640596c5a5f9f4e19ef5", 18, "eth", 0.5300),
    Token("USDC", "0x0b7007c13325c48911f73a2dad5fa5dcbf808adc", 6, "usdc", 0.4085),
    Token("AXS", "0x97a9107c1793bc407d6f527b77e7fff4d812bece", 18, "axs", 0.0350),
    Token("WRON", "0xe514d9deb7966c8be0ca922de8a064264ea6bcd4", 18, "ron", 0.0250),
    Token("SLP", "0xa8754b9fa15fc18bb59458815510e40a12cd2014", 0, "slp", 0.0015),
)
START_RATES: Final = (3_000.0, 1.0, 1.5, 0.35, 0.0013)


class Status(StrEnum):
    """The published states of an order."""

    OPEN = "Open"
    MATCHED = "Matched"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"
    BANNED = "InvalidBannedToken"
    NO_BALANCE = "InvalidInsufficientMakerBalance"
    TRANSFERRED = "InvalidTransferredToken"


@dataclass(slots=True, eq=False)
class Order:
    """One order to sell one axie; `ended` is 0 for a fixed price.

    `fair` and `asked` are the truth in USD at the time of listing, which never leave by GraphQL; `slot` is
    its place in the book while it is there.
    """

    number: int
    hash: str
    row: int
    maker: int
    token: int
    base: int
    started: int
    listed: float
    expires: int
    fair: float
    asked: float
    ended: int = 0
    ended_price: int = 0
    visible: float = 0.0
    buyable: bool = True
    origin: str = "fresh"
    status: Status = Status.OPEN
    closed: float = 0.0
    slot: int = -1
    sale: int = -1

    @property
    def fixed(self) -> bool:
        """Whether the price stays as it is until the order expires."""
        return self.ended == 0

    def price(self, at: float) -> int:
        """The price in the token's smallest unit."""
        if not self.ended:
            return self.base
        return auction_price(self.base, self.ended_price, int(at) - self.started, self.ended - self.started)


def auction_price(base: int, ended: int, elapsed: int, duration: int) -> int:
    """Linear from base to ended over the duration, rounded down to the unit; prices may also rise."""
    if elapsed >= duration:
        return ended
    return base + (ended - base) * max(0, elapsed) // duration


def order_hash(seed: int, number: int) -> str:
    """64 hex digits, without 0x as in the captured order."""
    return hashlib.blake2b(f"{seed}:{number}".encode(), digest_size=32).hexdigest()


def in_units(usd: float, token: int, rate: float, digits: int) -> int:
    """USD → smallest units, rounded to a few significant digits as people do; at least 1."""
    amount = Decimal(f"{usd / rate:.{digits - 1}e}")
    return max(1, round(amount.scaleb(TOKENS[token].decimals)))


def in_usd(units: int, token: int, rate: float) -> float:
    """Smallest units → USD."""
    return units / 10.0 ** TOKENS[token].decimals * rate


def written(units: int, *, scientific: bool) -> str:
    """An integer string, or the same integer as `141e+16` where it ends in enough zeros."""
    text = str(units)
    bare = text.rstrip("0")
    zeros = len(text) - len(bare)
    return f"{bare}e+{zeros}" if scientific and zeros > 3 and bare else text
