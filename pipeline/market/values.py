"""The market's domain values: frozen, typed, and the only form in which market data travels inside.

Money is an integer of a token's smallest unit together with its token; dollars exist only together
with the rates of a moment. Times are aware and UTC. Everything here encodes to JSON with msgspec and
back, which is how it is stored.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

WEI = 18


class AxieClass(StrEnum):
    """The nine classes; the last three are the secret ones."""

    BEAST = "Beast"
    BUG = "Bug"
    BIRD = "Bird"
    PLANT = "Plant"
    AQUATIC = "Aquatic"
    REPTILE = "Reptile"
    MECH = "Mech"
    DAWN = "Dawn"
    DUSK = "Dusk"


class Slot(StrEnum):
    """Where a part sits. Builds and tables list the parts in this order."""

    EYES = "eyes"
    EARS = "ears"
    MOUTH = "mouth"
    HORN = "horn"
    BACK = "back"
    TAIL = "tail"


class Token(StrEnum):
    """The tokens in which listings are paid."""

    WETH = "WETH"
    USDC = "USDC"
    AXS = "AXS"
    WRON = "WRON"
    SLP = "SLP"

    @property
    def decimals(self) -> int:
        """How many decimal places one whole token has."""
        return _DECIMALS[self]

    @property
    def address(self) -> str:
        """The token's contract on Ronin, lower case."""
        return _ADDRESSES[self]

    @classmethod
    def from_address(cls, address: str) -> Token | None:
        """The token at a contract address, or None if it is not one that we know."""
        return _TOKENS.get(address.lower())


_DECIMALS = {Token.WETH: WEI, Token.USDC: 6, Token.AXS: WEI, Token.WRON: WEI, Token.SLP: 0}
_ADDRESSES = {
    Token.WETH: "0xc99a6a985ed2cac1ef41640596c5a5f9f4e19ef5",
    Token.USDC: "0x0b7007c13325c48911f73a2dad5fa5dcbf808adc",
    Token.AXS: "0x97a9107c1793bc407d6f527b77e7fff4d812bece",
    Token.WRON: "0xe514d9deb7966c8be0ca922de8a064264ea6bcd4",
    Token.SLP: "0xa8754b9fa15fc18bb59458815510e40a12cd2014",
}
_TOKENS = {address: token for token, address in _ADDRESSES.items()}


class Rates(Struct, frozen=True):
    """Dollars for one whole token, as of a moment."""

    at: datetime
    usd: dict[Token, float]


class Price(Struct, frozen=True):
    """An amount in a token's smallest unit (wei, micro-dollars, …) with its token."""

    amount: int
    token: Token

    def whole(self) -> float:
        """The amount in whole tokens."""
        return self.amount / float(10**self.token.decimals)

    def usd(self, rates: Rates) -> float:
        """The amount in dollars at the given rates."""
        return self.whole() * rates.usd[self.token]


class Part(Struct, frozen=True):
    """One of an axie's six parts."""

    id: str
    slot: Slot
    class_: AxieClass
    stage: int = 1
    special: str | None = None


class Stats(Struct, frozen=True):
    """Base battle statistics, each roughly 27 to 61."""

    hp: int
    speed: int
    skill: int
    morale: int


class Axie(Struct, frozen=True):
    """An axie as the marketplace described it at the moment of reading.

    Breed count, level and part stages are its *current* state, not that of any past sale. `parts` is
    in slot order and complete for adults; eggs have no class and no parts and are never decoded to
    an Axie.
    """

    id: int
    class_: AxieClass
    parts: tuple[Part, Part, Part, Part, Part, Part]
    breed_count: int
    owner: str | None = None
    level: int | None = None
    purity: int | None = None
    stats: Stats | None = None
    title: str | None = None
    genes: str | None = None
    birth_date: int | None = None
    banned: bool = False
    image: str | None = None

    @property
    def pure_parts(self) -> int:
        """How many of the six parts are of the axie's own class."""
        return sum(part.class_ == self.class_ for part in self.parts)


class OrderStatus(StrEnum):
    """What became of an order."""

    OPEN = "Open"
    MATCHED = "Matched"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"
    INVALID_BANNED = "InvalidBannedToken"
    INVALID_BALANCE = "InvalidInsufficientMakerBalance"
    INVALID_TRANSFERRED = "InvalidTransferredToken"
    INVALID_STATE = "InvalidAssetState"

    @property
    def final(self) -> bool:
        """Whether the order can no longer be bought, ever."""
        return self is not OrderStatus.OPEN


class Listing(Struct, frozen=True):
    """A sell order of one axie, as seen at a moment.

    A fixed price has `ended_at` None. A Dutch auction moves linearly from `base` to `ended` between
    `started_at` and `ended_at` (upwards too), and stays there.
    """

    hash: str
    axie: Axie
    seller: str
    token: Token
    base: int
    ended: int
    started_at: datetime
    ended_at: datetime | None
    expires_at: datetime | None
    fee_bps: int
    status: OrderStatus
    seen_at: datetime

    def ask(self, at: datetime) -> Price:
        """What a buyer pays at a moment, to the smallest unit."""
        # Whole seconds, as the contract counts.
        duration = int((self.ended_at - self.started_at).total_seconds()) if self.ended_at else 0
        if duration <= 0:
            return Price(self.base, self.token)
        elapsed = min(max(int((at - self.started_at).total_seconds()), 0), duration)
        # Floor division rounds towards minus infinity: for a falling price that is what the contract does.
        return Price(self.base + (self.ended - self.base) * elapsed // duration, self.token)

    @property
    def is_auction(self) -> bool:
        """Whether the price moves with time."""
        return self.ended_at is not None and self.base != self.ended


class Sale(Struct, frozen=True):
    """A sale as the feed tells it: the amount is known, its token is not."""

    id: str
    axie: Axie
    sold_at: datetime
    amount: int
    seller: str
    buyer: str


class Resolution(Struct, frozen=True):
    """What an order, known by its hash, turned out to be at the moment of asking."""

    hash: str
    status: OrderStatus
    at: datetime
