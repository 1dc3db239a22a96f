"""One id for the way of a listing: in every line of the log from the poll that saw it to its message.

It is derived from the order's hash, so that nothing has to be stored: whoever knows the order, from an alert,
a page of the marketplace or the database, knows the id, and a restart does not change it. A line about
several listings has all their ids, under the one key `trace_ids`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

KEY: Final = "trace_ids"


def trace_id(order_hash: str) -> str:
    """16 hexadecimal digits, the same for the same order always, however its hash is written."""
    return hashlib.blake2b(order_hash.strip().lower().encode(), digest_size=8).hexdigest()


def trace_ids(order_hashes: Iterable[str]) -> list[str]:
    """Of several orders, each once, in their order."""
    return [trace_id(hash_) for hash_ in dict.fromkeys(order_hashes)]
