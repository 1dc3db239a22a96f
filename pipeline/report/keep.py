"""Keeping a report: its figures as JSON, its pictures as PNG."""

from __future__ import annotations

import msgspec

from pipeline.objects import ObjectStore
from pipeline.report.figures import Report


def keep_report(store: ObjectStore, run: str, report: Report) -> dict[str, str]:
    """Store everything under `reports/<run>/`; returns the key of each by name. Raises StoreError."""
    from pipeline.report.plots import PICTURES, draw, overview

    keys = {"figures": f"reports/{run}/report.json"}
    store.put(keys["figures"], msgspec.json.format(msgspec.json.encode(report)))
    for name in PICTURES:
        keys[name] = f"reports/{run}/{name}.png"
        store.put(keys[name], draw(name, report))
    keys["overview"] = f"reports/{run}/overview.png"
    store.put(keys["overview"], overview(report))
    return keys
