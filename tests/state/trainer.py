"""A process that stores and promotes versions as it is told: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import itertools
import json
import os
import sys
from typing import Any

from models.registry import Registry, TakenMeanwhile
from pipeline.objects import open_store

KEY = b"a key of sixteen+"


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
    except TakenMeanwhile:
        return "taken"
    return "done"


if __name__ == "__main__":
    served = Registry(open_store(sys.argv[1], sys.argv[2] or None), KEY)
    memory: dict[str, Any] = {}
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(obey(served, memory, *json.loads(line))), flush=True)
