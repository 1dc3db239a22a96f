"""`axieflip model`: the stored versions of the model on the command line.

A version is loaded and checked before it is made champion, so whatever is wrong with it is a sentence
and the present champion goes on serving. A running bot takes on the new one by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bot.errors import AxieflipError
from bot.outside import open_objects, open_registry
from bot.settings import Settings
from models.registry import NoSuchVersion, Registry, RegistryError
from pipeline.loading import load_appraiser
from pipeline.objects import StoreError

SOON = "a running bot takes it on within half a minute"


def list_command(settings: Settings, *, as_json: bool) -> None:
    """`axieflip model list`."""
    with _registry(settings) as registry:
        champion, former = _reign(registry)
        rows = [_row(registry, version, champion, former) for version in registry.versions()[::-1]]
    if as_json:
        print(msgspec.json.encode(rows).decode())  # noqa: T201
        return
    if not rows:
        raise AxieflipError("There is no model yet: collect (`axieflip collect`), then run `axieflip train`.")
    table = Table(title="Models, the newest first", title_justify="left")
    table.add_column("version", no_wrap=True, min_width=22)  # to be copied whole
    table.add_column("", overflow="fold")
    table.add_column("sales to", no_wrap=True, min_width=10)
    for name in ("sales", "median error", "90 % covers"):
        table.add_column(name, justify="right", overflow="fold")
    flaws = []
    for row in rows:
        metrics = row["metrics"]
        table.add_row(
            row["version"],
            row["state"],
            str(row["data_to"] or "–")[:10],
            f"{row['rows']:,}" if row["rows"] else "–",
            _share(metrics.get("median_ape")),
            _share(metrics.get("coverage_90")),
        )
        if row["flaw"]:
            flaws.append(f"{row['version']} cannot serve: {row['flaw']}")
    out = Console()
    out.print(table)
    for flaw in flaws:
        out.print(flaw, highlight=False, markup=False)


def show_command(settings: Settings, version: str | None, *, as_json: bool) -> None:
    """`axieflip model show`."""
    with _registry(settings) as registry:
        champion, former = _reign(registry)
        name = version or registry.champion()
        card = registry.card(name)
        try:
            compiled, flaw = load_appraiser(registry, name)[1].ensemble.is_compiled, None
        except RegistryError as error:
            compiled, flaw = False, str(error)
    state = _state(name, champion, former)
    if as_json:
        print(msgspec.json.encode({**asdict(card), "state": state, "flaw": flaw}).decode())  # noqa: T201
        return
    out = Console()
    facts = card.facts
    lines = {
        "state": f"cannot serve: {flaw}" if flaw else state or "can serve",
        "computed by": "its compiled copy" if compiled else "–" if flaw else "scikit-learn's members, slowly",
        "trained": card.created_at,
        "sales": f"{facts.get('rows', 0):,}, {facts.get('data_from', '?')} to {facts.get('data_to', '?')}",
        "made of": ", ".join(f"{library} {number}" for library, number in sorted(card.libraries.items())),
        "size": f"{card.size / 1e6:.1f} MB, format {card.format}, SHA-256 {card.digest[:16]}…",
        "its members": f"{card.members.size / 1e6:.1f} MB beside it" if card.members else "not kept",
        **_learnt(facts),
    }
    table = Table(title=f"Model {name}", title_justify="left", show_header=False)
    for title, text in lines.items():
        table.add_row(title, text)
    out.print(table, markup=False, highlight=False)
    out.print(_members(facts))
    if facts.get("contest"):
        out.print(_contest(facts["contest"]))


def promote_command(settings: Settings, version: str) -> None:
    """`axieflip model promote`."""
    with _registry(settings) as registry:
        champion, _ = _reign(registry)
        if version == champion:
            raise AxieflipError(f"Model {version} serves already.")
        load_appraiser(registry, version)  # that it is there and signed does not mean that it can serve
        registry.promote(version)
    _say(f"Model {version} is the champion now{_instead(champion)}; {SOON}.")


def rollback_command(settings: Settings) -> None:
    """`axieflip model rollback`."""
    with _registry(settings) as registry:
        champion = registry.champion()
        version = registry.rollback(lambda name: load_appraiser(registry, name))
    _say(f"Model {version} is the champion again{_instead(champion)}; {SOON}.")


@contextmanager
def _registry(settings: Settings) -> Iterator[Registry]:
    """The registry; whatever is wrong with it or a version of it is one sentence."""
    try:
        yield open_registry(settings, open_objects(settings))
    except NoSuchVersion as error:
        raise AxieflipError(f"{_sentence(error)} `axieflip model list` shows what there is.") from error
    except (RegistryError, StoreError) as error:
        raise AxieflipError(f"{_sentence(error)} The champion is what it was.") from error


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def _reign(registry: Registry) -> tuple[str | None, list[str]]:
    """The champion and those before it; none where nobody vouches for the record of them."""
    try:
        return registry.champion(), registry.former()
    except RegistryError:
        return None, []


def _state(version: str, champion: str | None, former: list[str]) -> str:
    return "champion" if version == champion else "former" if version in former else ""


def _row(registry: Registry, version: str, champion: str | None, former: list[str]) -> dict[str, Any]:
    try:
        facts, flaw = registry.readable(version).facts, None
    except RegistryError as error:
        facts, flaw = {}, str(error)
    return {
        "version": version,
        "state": _state(version, champion, former),
        "flaw": flaw,
        **{name: facts.get(name) for name in ("rows", "data_from", "data_to")},
        "metrics": facts.get("metrics") or {},
    }


def _learnt(facts: Mapping[str, Any]) -> dict[str, str]:
    metrics, flips, selling = (facts.get(name) or {} for name in ("metrics", "flips", "selling"))
    covered = ", ".join(f"{_share(metrics.get(f'coverage_{share}'))} of {share} %" for share in (50, 80, 90))
    sold = f"{selling['listings']:,} listings, {selling['sold']:,} sold" if selling else "unknown"
    told = {
        "median error": f"{_share(metrics.get('median_ape'))} on the newest {metrics.get('rows', 0):,} sales",
        "intervals": f"cover {covered}",
        "flips": f"{flips.get('pairs', 0):,} axies sold twice",
        "time of a sale": sold,
    }
    if facts.get("validation"):
        told["validation"] = f"{len(facts.get('warnings') or ())} warnings, {facts['validation']}"
    return told


def _members(facts: Mapping[str, Any]) -> Table:
    table = Table("member", title="Members", title_justify="left")
    for name in ("weight", "median error", "µs a row"):
        table.add_column(name, justify="right")
    table.add_column("")
    left_out = facts.get("left_out") or {}
    for name, told in (facts.get("members") or {}).items():
        table.add_row(
            name,
            _share(told.get("weight")),
            _share(told.get("median_ape")),
            f"{told.get('cost_us', 0):.0f}",
            left_out.get(name, ""),
        )
    return table


def _contest(contest: Mapping[str, Any]) -> Table:
    """The figures that the version was judged by, beside the champion's of then where there was one."""
    table = Table("", title=f"Judged on {contest['rows']:,} unseen sales", title_justify="left")
    columns = []
    for side in ("challenger", "champion"):
        if side in contest:
            table.add_column(contest[side].get("version", "this model"), justify="right")
            columns.append(_scores(contest[side]))
    for title in columns[0]:
        table.add_row(title, *(column[title] for column in columns))
    return table


def _scores(scores: Mapping[str, Any]) -> dict[str, str]:
    metrics, signals = scores["metrics"], scores["signals"]
    return {
        "median error": _share(metrics["median_ape"]),
        "log error": f"{scores['mae_log']:.4f}",
        "pinball": f"{metrics['pinball']:.4f}",
        "90 % covers": _share(metrics["coverage"]["90"]),
        "signals": f"{signals['count']:,}",
        "sold on": f"{signals['resolved']:,}",
        "paid": _share(signals["won"]),
        "net": f"${signals['net_usd']:,.2f}",
    }


def _instead(champion: str | None) -> str:
    return f" in place of {champion}" if champion else ""


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _say(text: str) -> None:
    Console().print(text, highlight=False, markup=False, soft_wrap=True)
