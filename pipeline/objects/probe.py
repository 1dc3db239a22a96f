"""Whether a store takes and gives back objects, found out before work whose result would have no place."""

from __future__ import annotations

import secrets

from pipeline.objects.base import ObjectStore, StoreError


def probe(store: ObjectStore) -> None:
    """Write an object, read it and delete it again. Raises StoreError where one of these fails."""
    key, data = f"probe/{secrets.token_hex(8)}", b"probe"
    store.put(key, data)
    try:
        if store.get(key) != data:
            raise StoreError("it gives back other bytes than were stored")
    finally:
        store.delete(key)
