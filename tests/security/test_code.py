"""What our code never does, and what its regular expressions never take."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("bot", "cogs", "pipeline", "models", "migrations")
FORBIDDEN = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "yaml", "xml"}
CALLS = {"eval", "exec", "compile", "__import__"}
LONGEST = 6000  # of an option in Discord; a form's field has 4000
ATOMS = (
    "a", "a-", "-", "a.", ".", ",", " ", "a ", "a:", "://", "a://a:", "0", "9", "\t", "api-key", "apikey ",
    "apikey, ", "authorization:", "Bearer ", "Bot a", "_", "\\", '"', "'", "`", "<", "/webhooks/1/", "1 to ",
    "eyes-a-", "–", "am", "é", "[", "parts[0].", 'Cannot query field "a"',
)  # fmt: skip


def trees() -> Iterator[tuple[Path, ast.AST]]:
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            yield path.relative_to(ROOT), ast.parse(path.read_text())


def test_nothing_but_a_verified_model_is_unpickled_and_no_text_becomes_code() -> None:
    found: set[str] = set()
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").partition(".")[0]}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                names = {node.func.id} & CALLS
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".load", ".read_pickle")):
                called = ast.unparse(node.func)
                names = {called} if called.startswith(("joblib", "np", "numpy", "torch", "pd")) else set()
            else:
                continue
            found |= {
                f"{path}: {name}" for name in names & (FORBIDDEN | CALLS) | {n for n in names if "." in n}
            }
    assert found == {"models/registry.py: joblib.load"}


def test_no_command_goes_through_a_shell() -> None:
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("os.system", "os.popen", "asyncio.create_subprocess_shell"), path
                assert not any(word.arg == "shell" for word in node.keywords), path


def patterns() -> dict[re.Pattern[Any], str]:
    """Every regular expression that a module of ours holds, with the module's name."""
    found: dict[re.Pattern[Any], str] = {}

    def look(value: Any, name: str, depth: int = 0) -> None:
        if isinstance(value, re.Pattern):
            found.setdefault(value, name)
        elif isinstance(value, tuple | list | dict) and depth < 3:
            for each in value.values() if isinstance(value, dict) else value:
                look(each, name, depth + 1)

    for room in ("bot", "cogs", "pipeline", "models"):
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            if module.name == "models.torched":  # its library is an extra
                continue
            for name, value in vars(importlib.import_module(module.name)).items():
                if not name.startswith("__"):
                    look(value, module.name)
    return found


def test_there_are_expressions_to_try() -> None:
    assert len(patterns()) > 15


@pytest.mark.parametrize("tail", ["", "\0 x"])
def test_no_regular_expression_takes_long_over_what_a_stranger_writes(tail: str) -> None:
    for pattern, name in patterns().items():
        for atom in ATOMS:
            text = (atom * (LONGEST // len(atom) + 1))[:LONGEST] + tail
            began = time.process_time()
            pattern.fullmatch(text)
            pattern.search(text)
            pattern.sub("", text)
            # A good one takes a few milliseconds; one that backtracks would take minutes, or for ever.
            assert time.process_time() - began < 1.0, (name, pattern.pattern, atom)
