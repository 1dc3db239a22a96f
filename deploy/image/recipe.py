"""A Dockerfile as stages of instructions: as much of the language as ours uses, and nothing it does not know.

What cannot be read is an error, so that a rehearsal never leaves out a step in silence.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")
_SHELL = ("/bin/sh", "-c")


class RecipeError(Exception):
    """The Dockerfile holds what this reader does not know."""


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY: sources below the context, or below another stage's root."""

    sources: tuple[str, ...]
    target: str
    stage: str | None
    workdir: str


@dataclass(frozen=True, slots=True)
class Run:
    """RUN: an argument vector, with the folders that are caches."""

    command: tuple[str, ...]
    caches: tuple[str, ...]
    workdir: str


@dataclass(slots=True)
class Stage:
    """One FROM with its steps, and what its image is told to be."""

    name: str
    base: str
    steps: list[Copy | Run | str] = field(default_factory=list)  # a text is a WORKDIR
    env: dict[str, str] = field(default_factory=dict)
    args: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    volumes: tuple[str, ...] = ()
    user: str = "0:0"
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    healthcheck: tuple[str, ...] = ()
    stop_signal: str = "SIGTERM"


def read(path: Path) -> list[Stage]:
    """The stages of a Dockerfile, in order. Raises RecipeError."""
    stages: list[Stage] = []
    given: dict[str, str] = {}  # ARGs before the first FROM
    for word, rest in _instructions(path.read_text()):
        if word == "FROM":
            base, _, name = _expand(rest, given).partition(" AS ")
            stages.append(Stage(name or f"stage-{len(stages)}", base))
            for former in stages[:-1]:
                if former.name == base:
                    stages[-1].env, stages[-1].workdir = dict(former.env), former.workdir
        elif word == "ARG" and not stages:
            name, _, value = rest.partition("=")
            given[name] = value
        elif not stages:
            raise RecipeError(f"{word} before FROM")
        else:
            _take(stages[-1], word, rest)
    return stages


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    for line in whole.splitlines():
        word, _, rest = line.strip().partition(" ")
        yield word.upper(), " ".join(rest.split())


def _take(stage: Stage, word: str, rest: str) -> None:
    known = stage.args | stage.env
    match word:
        case "ARG":
            name, _, value = rest.partition("=")
            stage.args[name] = value
        case "ENV":
            stage.env |= _pairs(rest, known)
        case "LABEL":
            stage.labels |= _pairs(rest, known)
        case "WORKDIR":
            stage.workdir = _expand(rest, known)
            stage.steps.append(stage.workdir)
        case "COPY":
            stage.steps.append(_copy(_expand(rest, known), stage.workdir))
        case "RUN":
            stage.steps.append(_run(rest, stage.workdir))
        case "VOLUME":
            stage.volumes = _vector(rest)
        case "USER":
            stage.user = rest
        case "ENTRYPOINT":
            stage.entrypoint = _vector(rest)
        case "CMD":
            stage.command = _vector(rest)
        case "HEALTHCHECK":
            stage.healthcheck = _vector(rest.partition("CMD ")[2])
        case "STOPSIGNAL":
            stage.stop_signal = rest
        case "EXPOSE":
            pass
        case _:
            raise RecipeError(f"{word} is not known here: teach deploy/image/recipe.py what it does")


def _expand(text: str, known: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda found: known.get(found[1] or found[2], ""), text)


def _pairs(text: str, known: dict[str, str]) -> dict[str, str]:
    words = shlex.split(text)
    return {name: _expand(value, known) for name, _, value in (word.partition("=") for word in words)}


def _vector(text: str) -> tuple[str, ...]:
    """The exec form. The shell form is refused: its shell would keep signals from the program."""
    if not text.startswith("["):
        raise RecipeError(f"not in exec form: {text}")
    return tuple(json.loads(text))


def _copy(text: str, workdir: str) -> Copy:
    words = text.split()
    stage = None
    while words[0].startswith("--"):
        option, _, value = words.pop(0).partition("=")
        if option != "--from":
            raise RecipeError(f"COPY {option} is not known here")
        stage = value
    return Copy(tuple(words[:-1]), words[-1], stage, workdir)


def _run(text: str, workdir: str) -> Run:
    caches = []
    while (mount := re.match(r"--mount=type=cache,target=(\S+)\s+", text)) is not None:
        caches.append(mount[1])
        text = text[mount.end() :]
    if text.startswith("--"):
        raise RecipeError(f"RUN {text.split()[0]} is not known here")
    return Run((*_SHELL, text), tuple(caches), workdir)
