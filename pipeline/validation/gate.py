"""Runs the expectations on a sales table and tells what it found."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from pipeline.validation import suite

if TYPE_CHECKING:
    import pandas as pd

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
COMPARABLE = 200  # rows below which a week tells nothing of a day, and a day nothing but how few they are
MIN_ROWS = 2_000
_SHOWN = 5
_ROW_NAME = ("axie_id", "sold_at")


RowName = tuple[int, datetime]
"""Names a row of a sales table: the axie, and when it was sold."""
Trace = Callable[[Sequence[RowName]], Sequence[str]]
"""Finds the files from which some rows came."""


class Finding(Struct, frozen=True):
    """What one expectation found. `observed` is a short text, `details` the library's own result.

    `files` are those from which the first offending rows came, where that can be told.
    """

    expectation: str
    column: str
    hard: bool
    success: bool
    observed: str
    expected: str
    details: dict[str, Any]
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.expectation} on {self.column}: observed {self.observed}; expected {self.expected}"
        return f"{text}; in {', '.join(self.files)}" if self.files else text


class ValidationReport(Struct, frozen=True):
    """The outcome for a table: failed hard and soft expectations in words, and every finding.

    `excluded` counts what had been left out of the table, by reason; `damaged` are files that could not
    be read, with why.
    """

    success: bool
    hard: tuple[str, ...]
    warnings: tuple[str, ...]
    checked: int
    rows: int
    findings: tuple[Finding, ...]
    excluded: dict[str, int] = {}
    damaged: tuple[str, ...] = ()


class ValidationFailed(Exception):
    """A table that nothing must be learnt from. `report` has everything that was found."""

    def __init__(self, report: ValidationReport) -> None:
        super().__init__("The collected data did not pass validation. " + ". ".join(report.hard) + ".")
        self.report = report


def validate(
    table: pd.DataFrame,
    *,
    now: datetime,
    min_rows: int = MIN_ROWS,
    history: pd.DataFrame | None = None,
    listings: pd.DataFrame | None = None,
    excluded: Mapping[str, int] | None = None,
    damaged: Sequence[str] = (),
    trace: Trace | None = None,
) -> ValidationReport:
    """Check a sales table; `now` is market time. Raises ValidationFailed for what is hard.

    The newest day, the 24 hours up to the newest sale, is compared with the week before it, found in
    `history` or else in the table itself; what differs there, or looks unusual, is a warning, and so is
    every damaged file. `listings` has a row for each listing due for an outcome, and whether its column
    `resolved` tells one. `trace` finds the files that a failure's rows came from.
    """
    findings = _run(table, suite.of_table(table, now, min_rows), trace)
    if suite.has_required(table):
        findings += _compared(table, history)
    if listings is not None and len(listings) >= COMPARABLE:
        findings += _run(listings, suite.of_listings())
    hard = tuple(str(found) for found in findings if found.hard and not found.success)
    soft = tuple(str(found) for found in findings if not found.hard and not found.success)
    soft += tuple(f"left out as damaged: {file}" for file in damaged)
    report = ValidationReport(
        not hard, hard, soft, len(findings), len(table), tuple(findings), dict(excluded or {}), (*damaged,)
    )
    if hard:
        raise ValidationFailed(report)
    return report


def _compared(table: pd.DataFrame, history: pd.DataFrame | None) -> list[Finding]:
    newest = table["sold_at"].max()
    older = table if history is None else history
    day = table[table["sold_at"] > newest - DAY]
    week = older[(older["sold_at"] <= newest - DAY) & (older["sold_at"] > newest - DAY - WEEK)]
    if len(week) < COMPARABLE:
        return []
    checks = [suite.of_volume(week, newest)]
    if len(day) >= COMPARABLE:
        checks += suite.of_day(day, week, newest)
    return _run(day, checks)


def _run(table: pd.DataFrame, expectations: Sequence[Any], trace: Trace | None = None) -> list[Finding]:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read by the library when it is first imported
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("memory").add_dataframe_asset("sales")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": table})
    checks = gx.ExpectationSuite(name="sales", expectations=list(expectations))
    named = [name for name in _ROW_NAME if name in table.columns]
    told: dict[str, Any] = {"result_format": "SUMMARY"}
    if len(named) == len(_ROW_NAME):
        told["unexpected_index_column_names"] = named
    results = batch.validate(checks, result_format=told).results
    return [_finding(result, table, trace) for result in results]


def _finding(result: Any, table: pd.DataFrame, trace: Trace | None) -> Finding:
    config = result.expectation_config
    kwargs = {key: value for key, value in config.kwargs.items() if key != "batch_id"}
    column = kwargs.pop("column", None) or " and ".join(kwargs.pop("column_list", ())) or "the table"
    plain = result.to_json_dict()
    rows = [] if trace is None or result.success else _offending(result, table)
    return Finding(
        expectation=str(config.type),
        column=column,
        hard=bool(config.meta["hard"]),
        success=bool(result.success),
        observed=_observed(result),
        expected=str(config.meta["expected"]),
        details={"kwargs": plain["expectation_config"]["kwargs"], "result": plain["result"]},
        files=tuple(trace(rows)[:_SHOWN]) if trace is not None and rows else (),
    )


def _offending(result: Any, table: pd.DataFrame) -> list[RowName]:
    """The first rows that broke an expectation; for one of the newest sale, that sale."""
    found: list[Mapping[str, Any]] = result.result.get("partial_unexpected_index_list") or []
    if result.expectation_config.type == "expect_column_max_to_be_between" and len(table):
        newest = table.nlargest(1, "sold_at").iloc[0]
        found = [{name: newest[name] for name in _ROW_NAME}]
    return [(int(row["axie_id"]), row["sold_at"].to_pydatetime()) for row in found if _named(row)]


def _named(row: Mapping[str, Any]) -> bool:
    return all(row.get(name) == row.get(name) and row.get(name) is not None for name in _ROW_NAME)


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
