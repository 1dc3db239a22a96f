"""What the dashboard and the rules ask for, and what there is to ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parents[2]
DASHBOARD: Final = REPOSITORY / "deploy/grafana/dashboard.json"
RULES: Final = REPOSITORY / "deploy/prometheus/alerts.yml"
_NAME: Final = re.compile(r"\b(?:axieflip|process)_\w+")
_RANGE: Final = re.compile(r"\$__rate_interval|\$__interval|\$__range")


def dashboard_queries(dashboard: Path = DASHBOARD) -> Iterator[tuple[str, str]]:
    """Each panel's title with a query of its, Grafana's variables put in."""
    for panel in json.loads(dashboard.read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], _RANGE.sub("5m", target["expr"]).replace("$job", ".+")


def rule_lines(rules: Path = RULES) -> Iterator[tuple[str, str]]:
    """The lines of the alarms, by number: queries and what their texts send people to."""
    for number, line in enumerate(rules.read_text().splitlines(), start=1):
        yield f"{rules.name}, line {number}", line


def names(query: str) -> set[str]:
    """The metrics that a query names; what our own rules record has a colon and is none."""
    return {found.group() for found in _NAME.finditer(query) if not query[found.end() :].startswith(":")}


def exposed(scrape: str) -> set[str]:
    """Every name under which a scrape in Prometheus's text format has, or may have, samples."""
    found: set[str] = set()
    for line in scrape.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            more = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            found |= {name + suffix for suffix in more}
    return found


def unknown(scrape: str) -> list[str]:
    """A sentence for each query that names a metric which the scrape does not have."""
    known = exposed(scrape)
    asked = [*dashboard_queries(), *rule_lines()]
    return [f"{title}: there is no {name}" for title, query in asked for name in sorted(names(query) - known)]


def as_rules() -> str:
    """The dashboard's queries as recording rules, so that Prometheus's own parser reads them."""
    rules = [
        {"record": f"dashboard:query_{number}", "expr": query}
        for number, (_, query) in enumerate(dashboard_queries())
    ]
    return json.dumps({"groups": [{"name": "dashboard", "rules": rules}]})  # which is YAML too
