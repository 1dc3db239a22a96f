"""A process that stores and promotes versions as it is told, or trains one: a line of JSON in, one out."""

from __future__ import annotations

import itertools
import json
import os
import sys
from typing import Any

from models.registry import Registry, TakenMeanwhile
from pipeline.objects import ObjectStore, open_store

KEY = b"a key of sixteen+"


class Waiting(Registry):
    """Says that it is about to promote, and waits for a line before it first does."""

    waited = False

    def promote(self, version: str, **options: Any) -> None:
        if not self.waited:
            self.waited = True
            print(json.dumps("about to promote"), flush=True)
            sys.stdin.readline()
        super().promote(version, **options)


def trained(store: ObjectStore, rows: int) -> dict[str, Any]:
    """What comes of `train` with the simplest member on a made-up history, whose promotion waits."""
    from models import ensemble
    from models.members import MEMBERS
    from tests.pipeline.appraisal.history import events, table
    from tests.trainings import train

    ensemble.MEMBERS = {"linear": MEMBERS["linear"]}
    outcome = train(table(events(rows)), Waiting(store, KEY))
    return {"version": outcome.card.version, "promoted": outcome.promoted, "reason": outcome.reason}


def obey(registry: Registry, known: dict[str, Any], what: str, version: str) -> object:
    try:
        if what == "save":
            registry.save(version, {"by": os.getpid()}, {})
        elif what == "judge":
            known["throne"] = registry.throne()
        elif what == "promote":
            registry.promote(version, throne=known["throne"])
        elif what == "save for ever":
            for number in itertools.count():
                registry.save(f"{version}-{number}", list(range(20_000)), {})
        elif what == "train":
            return trained(open_store(sys.argv[1], sys.argv[2] or None), int(version))
    except TakenMeanwhile:
        return "taken"
    return "done"


if __name__ == "__main__":
    served = Registry(open_store(sys.argv[1], sys.argv[2] or None), KEY)
    memory: dict[str, Any] = {}
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(obey(served, memory, *json.loads(line))), flush=True)
