"""The threat model names tests that exist, and every file of security tests has its place in it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = NAMED.findall((ROOT / "docs" / "security.md").read_text())
    assert len(named) > 20
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text())
        found = {
            each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert test in found, f"{file} has no {test}"


def test_every_threat_names_a_test() -> None:
    text = (ROOT / "docs" / "security.md").read_text().partition("## Threats")[2].partition("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 15
    assert [row[:60] for row in rows if not NAMED.search(row)] == []


def test_every_file_of_these_tests_has_its_place_in_the_threat_model() -> None:
    named = {file for file, _ in NAMED.findall((ROOT / "docs" / "security.md").read_text())}
    here = {f"tests/security/{path.name}" for path in Path(__file__).parent.glob("test_*.py")}
    assert here - named == {f"tests/security/{Path(__file__).name}"}
