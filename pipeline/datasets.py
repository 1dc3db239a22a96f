"""Raw records in the object store: what the market said, kept as it was understood, by day and run.

`raw/<kind>/dt=YYYY-MM-DD/<run>.jsonl.zst`, one JSON domain value a line, the day being that of the
record in UTC. A file is written once and whole; one that cannot be read is reported, never fatal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Literal, TypeVar

import msgspec
import structlog
import zstandard
from msgspec import Struct

from pipeline.market.values import Listing, Rates, Resolution, Sale
from pipeline.objects import ObjectMissing, ObjectStore

log = structlog.get_logger(__name__)

Kind = Literal["listings", "sales", "resolutions", "rates"]
Record = Listing | Sale | Resolution | Rates
T = TypeVar("T")

# The time that a record belongs to: its day names the partition.
TIME_OF: dict[Kind, str] = {"listings": "seen_at", "sales": "sold_at", "resolutions": "at", "rates": "at"}
_SUFFIX = ".jsonl.zst"
MOST_BYTES = 512 << 20  # of one file, unpacked: a hundred times what a collection writes
_STEP = 1024  # of a packed file: one may become 32 MiB


class Damaged(Struct, frozen=True):
    """A file of records that could not be read, or not wholly; `lost` if nothing of it could."""

    key: str
    reason: str
    lost: bool = True

    @property
    def day(self) -> date:
        """The UTC day whose records may be missing."""
        return day_of(self.key)


def write_records(store: ObjectStore, kind: Kind, run: str, records: Sequence[Record]) -> list[str]:
    """Store records under the name of a run, a file a day; returns the keys. Raises StoreError.

    Repeating it with the same run replaces the same files, so that a run writing in several portions
    names each of them.
    """
    days: defaultdict[str, list[bytes]] = defaultdict(list)
    encoder = msgspec.json.Encoder()
    for record in records:
        at: datetime = getattr(record, TIME_OF[kind])
        days[f"{at.astimezone(UTC):%Y-%m-%d}"].append(encoder.encode(record))
    keys = []
    for day, lines in sorted(days.items()):
        key = f"raw/{kind}/dt={day}/{run}{_SUFFIX}"
        store.put(key, pack(lines))
        keys.append(key)
    return keys


def pack(lines: Sequence[bytes]) -> bytes:
    """Lines as a file of records, with a checksum over all of it."""
    return zstandard.ZstdCompressor(level=6, write_checksum=True).compress(b"\n".join(lines) + b"\n")


def read_records(
    store: ObjectStore,
    kind: Kind,
    record_type: type[T],
    since: datetime | None = None,
    damaged: list[Damaged] | None = None,
    until: datetime | None = None,
) -> Iterator[T]:
    """The records of a kind in order of day and run, those before `since` and those from `until` on left out.

    `record_type` is the domain type, or a struct of some of its fields where the rest would be decoded
    for nothing; with a bound it must have the record's time. What cannot be read is added to `damaged`,
    or logged without one; all else is still given. Raises StoreError only where the store itself fails.
    """
    decoder = msgspec.json.Decoder(record_type)
    first_day = since.astimezone(UTC).date() if since else date.min
    last_day = until.astimezone(UTC).date() if until else date.max
    for key in record_keys(store, kind):
        if not first_day <= day_of(key) <= last_day:
            continue
        lines = lines_of(store, key, damaged)
        undecodable: list[str] = []
        for line in lines:
            try:
                record = decoder.decode(line)
                wanted = (since is None or getattr(record, TIME_OF[kind]) >= since) and (
                    until is None or getattr(record, TIME_OF[kind]) < until
                )
            # The latter two: nested too deeply, and a time without its zone.
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError) as error:
                undecodable.append(str(error))
                continue
            if wanted:
                yield record
        if undecodable:
            said = f"{len(undecodable)} of {len(lines)} records: {undecodable[0]}"
            _report(key, said, damaged, lost=len(undecodable) == len(lines))


def set_aside(store: ObjectStore, item: Damaged) -> None:
    """Move a damaged file out of the way, to `set-aside/`, so that it is neither read again nor lost."""
    try:
        store.put(f"set-aside/{item.key}", store.get(item.key))
    except ObjectMissing:
        return
    store.delete(item.key)


def record_keys(store: ObjectStore, kind: Kind) -> list[str]:
    """The keys of all files of a kind, oldest day first."""
    return [key for key in store.list(f"raw/{kind}/dt=") if key.endswith(_SUFFIX) and _has_day(key)]


def day_of(key: str) -> date:
    """The day of a file of records."""
    return date.fromisoformat(key.split("/")[2].removeprefix("dt="))


def _has_day(key: str) -> bool:
    try:
        day_of(key)
    except ValueError:
        return False
    return True


def lines_of(store: ObjectStore, key: str, damaged: list[Damaged] | None) -> list[bytes]:
    """The lines of a file of records; none where it cannot be read, which is reported."""
    try:
        packed = store.get(key)
        # The checksum is only verified at the end, so that a torn file is not trusted up to the tear.
        text = _unpacked(packed)
    except ObjectMissing:
        _report(key, "vanished while being read", damaged)
        return []
    except zstandard.ZstdError as error:
        _report(key, str(error), damaged)
        return []
    return text.splitlines()


def _unpacked(packed: bytes) -> bytes:
    """Raises ZstdError where it is not one whole frame, or where a little would become very much."""
    reader = zstandard.ZstdDecompressor(max_window_size=MOST_BYTES).decompressobj()
    text, view = bytearray(), memoryview(packed)
    for start in range(0, len(view), _STEP):
        if reader.eof:
            raise zstandard.ZstdError("something follows the end")
        text += reader.decompress(view[start : start + _STEP])
        if len(text) > MOST_BYTES:
            raise zstandard.ZstdError(f"it unpacks to more than {MOST_BYTES >> 20} MiB")
    if not reader.eof or reader.unused_data:
        raise zstandard.ZstdError("truncated" if not reader.eof else "something follows the end")
    return bytes(text)


def _report(key: str, reason: str, damaged: list[Damaged] | None, *, lost: bool = True) -> None:
    if damaged is None:
        log.warning("records cannot be read", key=key, reason=reason)
    else:
        damaged.append(Damaged(key, reason, lost))
