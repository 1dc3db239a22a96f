"""What is fuzzed, and what must hold of each: the same functions for hypothesis, in the suite, and for
atheris, by the million (`python -m tests.security.fuzz`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache

import msgspec

from bot.asked import BadQuestion, question
from cogs import parsing
from cogs.sentences import Refused
from pipeline.market import decode, genes
from pipeline.market.errors import MarketError
from pipeline.market.genes import GeneError
from pipeline.market.values import Axie, Listing
from pipeline.signal import Filters, Thresholds, refusal
from tests.bot.factories import NOON, make_listing, make_prediction
from tests.pipeline.market.rows import SEEN

LISTING = make_listing()
PREDICTION = make_prediction(LISTING)


def short(error: Exception, most: int) -> None:
    """A refusal is for people to read."""
    assert len(str(error)) < most


def border(data: bytes) -> None:
    """An answer of the marketplace, as each kind that it could be."""
    try:
        given = msgspec.Raw(data)
        for read in (decode.listings, decode.activities, decode.settled, decode.rates, decode.schema):
            try:
                found = read(given, SEEN) if read is not decode.schema else read(given)
            except (MarketError, msgspec.DecodeError):
                continue
            for row in getattr(found, "rows", ()):
                if isinstance(row, Listing):
                    assert row.base > 0
                    assert row.ask(NOON).amount >= 0
                msgspec.json.decode(msgspec.json.encode(row), type=type(row))
    except UnicodeDecodeError:
        pass


def gene(data: bytes) -> None:
    """The text of an axie's genes."""
    for text in (data.decode("utf-8", errors="replace"), data[:64].hex()):
        try:
            found = genes.decode(text)
        except GeneError:
            continue
        assert len(found.parts) == 6
        assert 0 <= genes.purity(found) <= 100
        assert max(genes.inherited(text)[:3]) <= 6


def filters(data: bytes) -> None:
    """What people write in filters, what is stored of them, and the rule over both."""
    text = data.decode("utf-8", errors="replace")
    for read in (parsing.classes, parsing.collections, parsing.tokens, parsing.parts, parsing.quiet):
        try:
            read(text)
        except Refused as error:
            short(error, 600)
    for bounded in (parsing.number, lambda text, what: parsing.span(text, what, 7)):
        try:
            bounded(text, "breed count")
        except Refused as error:
            short(error, 600)
    for kind in (Filters, Thresholds):
        try:
            stored = msgspec.json.decode(data, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        chosen = (Thresholds(), stored) if isinstance(stored, Filters) else (stored, Filters())
        refusal(*chosen, LISTING, PREDICTION, NOON + timedelta(seconds=9))


def endpoint(data: bytes) -> None:
    """The body of a question to the HTTP endpoint."""
    try:
        asked = question(data)
    except BadQuestion as error:
        short(error, 500)
        return
    assert isinstance(asked, int | Axie | Listing)
    if isinstance(asked, Listing):
        assert asked.ask(NOON).amount >= 0


TARGETS: dict[str, Callable[[bytes], None]] = {
    "border": border, "genes": gene, "filters": filters, "endpoint": endpoint,
}  # fmt: skip


LONGEST = {"border": 4096, "genes": 140, "filters": 200, "endpoint": 4096}


@cache
def seeds(name: str) -> list[bytes]:
    """Inputs that are well formed, to begin with: the same whenever they are asked for."""
    from tests.pipeline.market.rows import activity_row, axie_row, axies_data, order_row

    listing = make_listing()
    match name:
        case "border":
            page = axies_data(axie_row(order=order_row()))
            return [msgspec.json.encode(page), msgspec.json.encode({"tokenActivities": [activity_row()]})]
        case "genes":
            return [b"0x" + b"0" * 127 + b"1", b"0x1", bytes(63) + b"\x01", bytes(range(64))]
        case "filters":
            texts = [b"Plant, Beast", b"tail-carrot", b"22:00-07:00", b"5-40", b"Mystic", b"ETH"]
            return [*texts, msgspec.json.encode(Filters()), msgspec.json.encode(Thresholds())]
    return [
        msgspec.json.encode({"listing": listing}),
        msgspec.json.encode({"axie": listing.axie}),
        b'{"axie_id":1}',
    ]
