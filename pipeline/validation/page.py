"""A validation report as files: everything as JSON, and a page that a person can open offline."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

import msgspec

from pipeline.objects import ObjectStore
from pipeline.validation.gate import Finding, ValidationReport

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;vertical-align:top;"
    "border-bottom:1px solid #ddd}.failed{background:#fdecea}.warning{background:#fff6e0}"
)


def save_report(store: ObjectStore, run: str, report: ValidationReport) -> str:
    """Keep a report under `reports/<run>/`; returns the key of its page. Raises StoreError."""
    store.put(f"reports/{run}/validation.json", msgspec.json.encode(report, enc_hook=_plain))
    key = f"reports/{run}/validation.html"
    store.put(key, render_html(report, run).encode())
    return key


def render_html(report: ValidationReport, run: str) -> str:
    """The page of a report: failures first."""
    verdict = "passed" if report.success else "failed"
    summary = (
        f"{report.rows:,} sales, {report.checked} expectations, {len(report.hard)} failed, "
        f"{len(report.warnings)} warnings"
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Validation {html.escape(run)}</title>'
        f"<style>{_STYLE}</style><h1>Validation {verdict}</h1><p>{html.escape(run)}: {summary}.</p>"
        f"{_left_out(report)}"
        "<table><tr><th></th><th>Column</th><th>Expectation</th><th>Observed</th><th>Expected</th>"
        "<th>Files</th></tr>"
        f"{''.join(_rows(report.findings))}</table></html>\n"
    )


def _left_out(report: ValidationReport) -> str:
    """What never came into the table."""
    lines = [f"{count:,} sales left out: {reason}" for reason, count in report.excluded.items()]
    lines += [f"Damaged: {file}" for file in report.damaged]
    return f"<ul>{''.join(f'<li>{html.escape(line)}</li>' for line in lines)}</ul>" if lines else ""


def _rows(findings: Iterable[Finding]) -> Iterable[str]:
    for found in sorted(findings, key=lambda found: (found.success, not found.hard)):
        state = "passed" if found.success else "failed" if found.hard else "warning"
        cells = (
            state,
            found.column,
            found.expectation,
            found.observed,
            found.expected,
            "\n".join(found.files),
        )
        yield f'<tr class="{state}">{"".join(f"<td>{html.escape(cell)}</td>" for cell in cells)}</tr>'


def _plain(value: Any) -> Any:
    """Numbers of numpy and the like as plain ones."""
    if hasattr(value, "item"):
        return value.item()
    return str(value)
