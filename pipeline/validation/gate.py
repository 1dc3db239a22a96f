"""Runs the expectations on a sales table and tells what it found."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from pipeline.validation import suite

if TYPE_CHECKING:
    import pandas as pd

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
COMPARABLE = 200  # rows on either side below which a day and a week are not compared
MIN_ROWS = 2_000
_SHOWN = 5


class Finding(Struct, frozen=True):
    """What one expectation found. `observed` is a short text, `details` the library's own result."""

    expectation: str
    column: str
    hard: bool
    success: bool
    observed: str
    expected: str
    details: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.expectation} on {self.column}: observed {self.observed}; expected {self.expected}"


class ValidationReport(Struct, frozen=True):
    """The outcome for a table: failed hard and soft expectations in words, and every finding."""

    success: bool
    hard: tuple[str, ...]
    warnings: tuple[str, ...]
    checked: int
    rows: int
    findings: tuple[Finding, ...]


class ValidationFailed(Exception):
    """A table that nothing must be learnt from. `report` has everything that was found."""

    def __init__(self, report: ValidationReport) -> None:
        super().__init__("The collected data did not pass validation. " + ". ".join(report.hard) + ".")
        self.report = report


def validate(
    table: pd.DataFrame, *, now: datetime, min_rows: int = MIN_ROWS, history: pd.DataFrame | None = None
) -> ValidationReport:
    """Check a sales table; `now` is market time. Raises ValidationFailed for what is hard.

    The newest day is compared with the week before it, found in `history` or else in the table itself;
    what differs there, or looks unusual, is a warning.
    """
    findings = _run(table, suite.of_table(table, now, min_rows))
    if suite.has_required(table):
        findings += _compared(table, history)
    hard = tuple(str(found) for found in findings if found.hard and not found.success)
    soft = tuple(str(found) for found in findings if not found.hard and not found.success)
    report = ValidationReport(not hard, hard, soft, len(findings), len(table), tuple(findings))
    if hard:
        raise ValidationFailed(report)
    return report


def _compared(table: pd.DataFrame, history: pd.DataFrame | None) -> list[Finding]:
    newest = table["sold_at"].max()
    older = table if history is None else history
    day = table[table["sold_at"] > newest - DAY]
    week = older[(older["sold_at"] <= newest - DAY) & (older["sold_at"] > newest - DAY - WEEK)]
    if len(day) < COMPARABLE or len(week) < COMPARABLE:
        return []
    return _run(day, suite.of_day(week, newest))


def _run(table: pd.DataFrame, expectations: Sequence[Any]) -> list[Finding]:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read by the library when it is first imported
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("memory").add_dataframe_asset("sales")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": table})
    checks = gx.ExpectationSuite(name="sales", expectations=list(expectations))
    return [_finding(result) for result in batch.validate(checks).results]


def _finding(result: Any) -> Finding:
    config = result.expectation_config
    kwargs = {key: value for key, value in config.kwargs.items() if key != "batch_id"}
    column = kwargs.pop("column", None) or " and ".join(kwargs.pop("column_list", ())) or "the table"
    plain = result.to_json_dict()
    return Finding(
        expectation=str(config.type),
        column=column,
        hard=bool(config.meta["hard"]),
        success=bool(result.success),
        observed=_observed(result),
        expected=str(config.meta["expected"]),
        details={"kwargs": plain["expectation_config"]["kwargs"], "result": plain["result"]},
    )


def _observed(result: Any) -> str:
    found: dict[str, Any] = result.result
    if result.exception_info.get("raised_exception"):
        return f"an error: {result.exception_info['exception_message']}"
    if "unexpected_count" in found:
        text = f"{found['unexpected_count']:,} of {found['element_count']:,} rows otherwise"
        samples = [str(value) for value in found.get("partial_unexpected_list") or () if value == value]
        shown = ", ".join(list(dict.fromkeys(samples))[:_SHOWN])
        return f"{text} ({shown})" if shown else text
    value = found.get("observed_value")
    if isinstance(value, dict) and "values" in value:
        return ", ".join(f"{number:,.2f}" for number in value["values"])
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if value is None:
        return "nothing"
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
