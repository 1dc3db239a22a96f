"""How numbers, times and other people's words are written in Discord.

Market text (names, titles, part ids) is untrusted: whatever is shown of it passes through `plain`, which
leaves nothing that Discord would render as a mention, a link or markup; `bare` is for plain places.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import urlsplit

from bot.log import redact
from pipeline.clock import Clock, SystemClock
from pipeline.market.traits import Collection
from pipeline.market.values import Axie, Price

MARKETPLACE = "https://app.axieinfinity.com/marketplace/axies"
_PICTURES = "https://axiecdn.axieinfinity.com/axies"
_PICTURE_HOSTS = (".axieinfinity.com", ".skymavis.com")
_MARKUP = re.compile(r"([\\*_~|`>#\[\]()<-])")
_MARKS = 2  # on a letter; Vietnamese and Thai need as many
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_ISOLATE, _END = "\u2068", "\u2069"
_SPANS = (("d", 172_800, 86_400), ("h", 7_200, 3_600), ("min", 120, 60))


class Moment(NamedTuple):
    """An instant of market time, and whether it is also the reader's own time.

    Discord's relative timestamps follow the reader's clock; with a simulated market they would lie.
    """

    now: datetime
    real: bool

    @classmethod
    def of(cls, clock: Clock) -> Moment:
        """The present moment of a clock."""
        return cls(clock.now(), isinstance(clock, SystemClock))


def usd(value: float) -> str:
    """Dollars as people write them: `$0.83`, `$12.40`, `$2,517`, `−$0.20`."""
    size = abs(value)
    if size < 0.005:
        return "$0.00" if size == 0 else "under 1¢"
    digits = f"{size:,.0f}" if size >= 999.995 else f"{size:,.2f}"
    return f"{'−' if value < 0 else ''}${digits}"


def rough(value: float) -> str:
    """Dollars of an estimate's bounds, without cents from ten dollars on: `$7.50`, `$15`."""
    return usd(value) if abs(value) < 9.995 else f"${value:,.0f}"


def cents(value: float) -> str:
    """A small cost: `<1¢`, `56¢`, `$1.20`."""
    if value >= 0.995:
        return usd(value)
    return "<1¢" if 0 < value < 0.005 else f"{value * 100:.0f}¢"


def gain(value: float) -> str:
    """Dollars won or lost, with the sign always shown."""
    return f"+{usd(value)}" if value >= 0.005 else usd(value)


def percent(ratio: float, *, signed: bool = False) -> str:
    """A ratio as a whole percentage; 0.25 is `25%`."""
    whole = round(ratio * 100)
    sign = "−" if whole < 0 else "+" if signed and whole > 0 else ""
    return f"{sign}{abs(whole):,}%"


def chance(probability: float) -> str:
    """A probability, never claimed to be certain."""
    if probability > 0.99:
        return "over 99%"
    return "under 1%" if probability < 0.01 else percent(probability)


def share(ratio: float) -> str:
    """A part of many: `100%` where it is all of them, and `over 99%` where it is nearly."""
    return chance(ratio) if 0 < ratio < 1 else percent(ratio)


def tokens(price: Price) -> str:
    """An amount of a token to four significant digits or the whole token: `0.00123 WETH`, `12,345 SLP`."""
    scale = price.token.decimals
    if price.amount >= 10 ** (scale + 3):
        return f"{price.amount // 10**scale:,} {price.token}"
    whole = Decimal(price.amount).scaleb(-scale)
    digits = f"{round(whole, 3 - whole.adjusted()):f}" if whole else "0"
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits} {price.token}"


def age(seconds: float) -> str:
    """A length of time in its largest sensible unit: `41 s`, `3 min`, `5 h`, `12 d`."""
    seconds = max(seconds, 0.0)
    unit, size = next(((unit, size) for unit, least, size in _SPANS if seconds >= least), ("s", 1))
    return f"{seconds / size:.0f} {unit}"


def ago(moment: Moment, at: datetime) -> str:
    """How long before the moment something was."""
    return f"{age((moment.now - at).total_seconds())} ago"


def span(begin: datetime, end: datetime) -> str:
    """How long it was from one instant to another."""
    return age((end - begin).total_seconds())


def days(count: int) -> str:
    """A number of days: `day`, `7 days`."""
    return "day" if count == 1 else f"{count} days"


def when(moment: Moment, at: datetime) -> str:
    """A relative time that keeps itself up to date where the market's time is the reader's."""
    if moment.real:
        return f"<t:{int(at.timestamp())}:R>"
    seconds = (at - moment.now).total_seconds()
    return f"in {age(seconds)}" if seconds >= 0 else f"{age(-seconds)} ago"


def machine_time(at: datetime | None) -> str:
    """A relative time of this machine (polls, runs, tasks), which is the reader's own."""
    return "never" if at is None else f"<t:{int(at.timestamp())}:R>"


def machine_now() -> datetime:
    """The present moment of this machine."""
    return datetime.now(UTC)


def day(at: datetime) -> str:
    """A date that no reader takes for another: `1 Jun 2026`."""
    return f"{at.day} {at:%b %Y}"


def since(at: datetime) -> str:
    """How long ago an instant of this machine's time was."""
    return age((datetime.now(UTC) - at).total_seconds())


def milliseconds(value: float) -> str:
    """A short time: `84 ms`, `1.9 s`, `3 min`."""
    if value < 1000:
        return f"{value:.0f} ms"
    return f"{value / 1000:.1f} s" if value < 60_000 else age(value / 1000)


def parsed(value: object) -> datetime | None:
    """An ISO time of a model's card; None where it is none. A time without a zone is UTC."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def shorten(text: str, limit: int) -> str:
    """The text, cut with an ellipsis where it is longer than the limit."""
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def plain(text: str, limit: int = 60) -> str:
    """Untrusted text as one harmless line of at most `limit` visible characters, for where markup works."""
    # Zero-width spaces keep "@everyone" and "https://…" readable but inert.
    kept = _MARKUP.sub(r"\\\1", bare(text, limit))
    return kept.replace("@", "@\u200b").replace("://", ":\u200b//")


def bare(text: str, limit: int = 60) -> str:
    """Untrusted text as one line of at most `limit` characters, for footers, which show markup as it is.

    Accents are kept as far as languages stack them, and what runs from right to left turns nothing round
    but itself.
    """
    # First of all: a secret in text that some server sent back would not be known by its form any more.
    kept = "".join(" " if char.isspace() else char for char in redact(text) if not _invisible(char))
    line = " ".join(_sober(kept).split())
    if not _turns(whole := shorten(line, limit)):
        return whole or "–"
    inner = shorten(line, limit - 2)
    return f"{_ISOLATE}{inner}{_END}" if _turns(inner) else inner


def _turns(text: str) -> bool:
    return any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in text)


def _sober(text: str) -> str:
    """The text with no more marks on a letter than `_MARKS`; further ones would run over other lines."""
    kept: list[str] = []
    marks = _MARKS  # as if full: what would stand on the text before it is left out
    for char in unicodedata.normalize("NFC", text):
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if marks <= _MARKS:
            kept.append(char)
    return "".join(kept)


def _invisible(char: str) -> bool:
    # Control, format (zero-width, right-to-left overrides) and unassigned characters can disguise text.
    return unicodedata.category(char).startswith("C") and not char.isspace()


def part_name(part_id: str) -> str:
    """`tail-night-steed` as `Night Steed`."""
    return plain(part_id.partition("-")[2].replace("-", " ").title() or part_id, 24)


def collection_name(kind: Collection) -> str:
    """A collection as people write it: `Mystic`, `MEO`."""
    return "MEO" if kind is Collection.MEO else kind.title()


def page(axie_id: int) -> str:
    """Address of an axie's page on the marketplace."""
    return f"{MARKETPLACE}/{axie_id}"


def picture(axie: Axie) -> str:
    """Address of an axie's picture: the marketplace's own if it is on a known host, else the usual one."""
    usual = f"{_PICTURES}/{axie.id}/axie/axie-full-transparent.png"
    if axie.image is None or len(axie.image) > 500:
        return usual
    try:
        address = urlsplit(axie.image)
        known = address.scheme == "https" and (address.hostname or "").endswith(_PICTURE_HOSTS)
    except ValueError:
        return usual
    return axie.image if known else usual
