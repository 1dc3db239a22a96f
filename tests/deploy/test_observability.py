"""The dashboard and the alarms name only what there is, and the check says so where they do not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from deploy.observability import __main__ as check
from deploy.observability.queries import DASHBOARD, dashboard_queries, exposed, names, rule_lines, unknown

TABLE = Path("docs/observability.md")


def as_scrape(table: str) -> str:
    """The documents' table as a scrape would declare it; a test of the bot holds it against /metrics."""
    rows = re.findall(r"^\| `(axieflip_\w+)` \| (\w+) ", table, re.MULTILINE)
    process = [("process_resident_memory_bytes", "gauge"), ("process_cpu_seconds_total", "counter")]
    return "\n".join(
        f"# TYPE {name} {kind}" for name, kind in [*rows, *process, ("process_open_fds", "gauge")]
    )


def test_dashboard_and_alarms_ask_only_for_documented_metrics() -> None:
    assert len(list(dashboard_queries())) > 40
    assert unknown(as_scrape(TABLE.read_text())) == []


def test_a_metric_that_is_gone_is_named_with_who_asks_for_it() -> None:
    without = as_scrape(TABLE.read_text().replace("axieflip_polls_total", "axieflip_looks_total"))
    assert "Polls a minute: there is no axieflip_polls_total" in unknown(without)


def test_a_histogram_is_exposed_under_three_names_and_what_rules_record_is_no_metric() -> None:
    told = exposed("# TYPE axieflip_lag_seconds histogram\n# TYPE axieflip_polls_total counter\n")
    assert told == {
        "axieflip_lag_seconds_bucket",
        "axieflip_lag_seconds_sum",
        "axieflip_lag_seconds_count",
        "axieflip_polls_total",
    }
    assert names("axieflip:lag:p99 > rate(axieflip_polls_total[5m])") == {"axieflip_polls_total"}


def test_every_stage_of_the_alarms_and_every_panel_can_be_found_by_a_person() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    titles = [panel["title"] for panel in panels]
    assert len(set(titles)) == len(titles) == len({panel["id"] for panel in panels})
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)


def test_each_alarm_is_tested_by_name_silent_and_told() -> None:
    alarms = {line.split(":", 1)[1].strip() for _, line in rule_lines() if "- alert:" in line}
    tested = (DASHBOARD.parents[1] / "prometheus/alerts_test.yml").read_text()
    for alarm in alarms:
        assert tested.count(f"alertname: {alarm}") == 3, alarm
    assert len(alarms) == 20


def test_without_promtool_the_check_says_what_was_not_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nowhere() -> Path:
        raise OSError("this needs Debian's apt-get, and root")

    async def scraped() -> str:
        return as_scrape(TABLE.read_text())

    monkeypatch.setattr(check, "promtool", nowhere)
    monkeypatch.setattr(check, "scrape", scraped)
    assert check.main() == 0
    said = capsys.readouterr().out
    assert "NOT RUN" in said
    assert "names in dashboard and alarms" in said
