"""How a model and its training look: what it is made of, how good it is, how far a training is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import discord

from cogs import format as fmt
from cogs.embeds import CAREFUL, GOOD, QUIET, STRONG, lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.services.runs import Run
    from bot.services.versions import Version
    from bot.services.watchdog import Drift

_BAR: Final = 16
_NAME: Final = re.compile(r"[0-9A-Za-z.\-]{1,64}")  # nothing in it is markup
_STATES: Final = {
    "running": ("Training", GOOD),
    "done": ("Training finished", STRONG),
    "failed": ("Training failed", CAREFUL),
    "interrupted": ("Training interrupted", CAREFUL),
    "cancelled": ("Training cancelled", QUIET),
}
UNCOMPILED: Final = (
    "The compiled copy of this version does not compute what was trained, so scikit-learn's members price in "
    "its place: as exactly, but many times as slowly. `/model retrain` trains a new one."
)
# Metric of a card: its name for people, and how its figure is written.
_METRICS: Final = {
    "median_ape": ("Median error", "{:.1%}"),
    "within_20": ("Within 20%", "{:.1%}"),
    "r2_log": ("R² of log price", "{:.3f}"),
    "coverage_90": ("90% interval holds", "{:.1%}"),
}


def model(
    version: str | None,
    card: Mapping[str, Any] | None,
    current: Run | None,
    left_s: float | None = None,
    drift: Drift | None = None,
) -> discord.Embed:
    """The card of the champion, how it fares now, and the training that is under way if one is."""
    embed = discord.Embed(title=f"Model {_version(version)}".rstrip(), colour=GOOD)
    if version is None or card is None:
        embed.description = "No model has been trained yet, so nothing can be priced."
        embed.colour = CAREFUL
    else:
        _add_card(embed, card)
        if not card.get("compiled", True):
            embed.description = UNCOMPILED
            embed.colour = CAREFUL
        embed.insert_field_at(3, name="On the last day's sales", value=_drift(drift), inline=False)
    if current is not None:
        embed.add_field(name=f"Training (run {current.id})", value=_progress(current, left_s), inline=False)
    elif version is None:
        embed.set_footer(text="An administrator can start a training with /model retrain.")
    return embed


def versions(found: Sequence[Version]) -> discord.Embed:
    """The stored versions in two lines each."""
    rows = [_version_row(each) for each in found]
    legend = "🏆 serves · 🕓 served before · error and interval on sales that each had not seen"
    return lines("Stored models", rows, empty="None yet. `/model retrain` trains one.", legend=legend)


def rollback(
    version: str, card: Mapping[str, Any] | None, serving: str | None, now: Mapping[str, Any] | None
) -> discord.Embed:
    """What a rollback would change, before it is confirmed."""
    embed = discord.Embed(title="Roll the model back?", colour=CAREFUL)
    embed.description = "Predictions come from the other version within seconds. Nothing is deleted."
    embed.add_field(name=f"To {_version(version)}", value=_metrics((card or {}).get("metrics")))
    if serving:
        embed.add_field(name=f"From {_version(serving)}", value=_metrics((now or {}).get("metrics")))
    return embed


def _add_card(embed: discord.Embed, card: Mapping[str, Any]) -> None:
    embed.add_field(name="Trained", value=_when(card.get("created_at")))
    embed.add_field(name="Sales learnt from", value=_count(card.get("rows")))
    embed.add_field(name="Data", value=_window(card))
    accuracy = _metrics(card.get("metrics"))
    embed.add_field(name="Accuracy on sales it had not seen", value=accuracy, inline=False)
    embed.add_field(name="Members and their weights", value=_members(card.get("members")), inline=False)


def training(run: Run, left_s: float | None = None) -> discord.Embed:
    """A training: how far it is, or what came of it beside the model that it had to beat."""
    title, colour = _STATES.get(run.state, (run.state.title(), QUIET))
    embed = discord.Embed(title=f"{title} (run {run.id})", colour=colour)
    if run.state == "running":
        embed.description = _progress(run, left_s)
        return embed.set_footer(text="This message follows the training; the bot goes on pricing meanwhile.")
    if run.error:
        embed.description = f"{_sentence(run.error)}\nThe model in use is unchanged."
    if run.report is not None:
        _add_result(embed, run.version, run.report)
    if run.finished_at is not None:
        embed.set_footer(text=f"took {fmt.span(run.started_at, run.finished_at)}")
    return embed


def overview(run: Run) -> discord.Embed:
    """What the page of a training's report, shown below the words, is."""
    embed = discord.Embed(title="The whole report", colour=_STATES.get(run.state, ("", QUIET))[1])
    embed.description = "On the sales that the new model was judged by. Open the picture to read it."
    return embed


def _add_result(embed: discord.Embed, version: str | None, report: Mapping[str, Any]) -> None:
    verdict = "The new model is in use now" if report.get("promoted") else "The model in use stays"
    reason = fmt.plain(str(report.get("reason") or "no reason was given"), 300)
    embed.description = f"**{verdict}:** {reason}."
    before = report.get("before")
    embed.add_field(name="New", value=f"{_version(version)}\n{_metrics(report.get('metrics'))}".strip())
    if isinstance(before, dict):
        value = f"{_version(before.get('version'))}\n{_metrics(before.get('metrics'))}".strip()
        embed.add_field(name="Before", value=value)


def _progress(run: Run, left_s: float | None) -> str:
    left = "" if left_s is None else f" · {f'about {fmt.age(left_s)}' if left_s >= 5 else 'a moment'} left"
    return f"{_bar(run.fraction)} **{fmt.percent(run.fraction)}**\n{fmt.plain(run.stage, 100)}{left}"


def _sentence(text: str) -> str:
    kept = fmt.plain(text, 500)
    kept = kept[:1].upper() + kept[1:]
    return kept if kept.endswith((".", "!", "?", "…")) else f"{kept}."


def _drift(seen: Drift | None) -> str:
    if seen is None:
        return "Too few to tell yet."
    error, held = seen.error > seen.error_limit, seen.coverage < seen.coverage_limit
    return (
        f"{_mark(error)} Median error **{seen.error:.1%}** of {seen.sales:,} sales "
        f"(limit {seen.error_limit:.1%})\n"
        f"{_mark(held)} 90% interval held **{seen.coverage:.0%}** (limit {seen.coverage_limit:.0%})"
    )


def _mark(wrong: bool) -> str:
    return "⚠️" if wrong else "✅"


def _version_row(each: Version) -> str:
    mark = "🏆 " if each.champion else "🕓 " if each.former else ""
    if each.flaw is not None:
        return f"{mark}**{_version(each.name)}** ⚠️ {fmt.plain(each.flaw, 120)}"
    metrics, rows = (each.card or {}).get("metrics") or {}, (each.card or {}).get("rows")
    error, held = metrics.get("median_ape"), metrics.get("coverage_90")
    told = [
        f"error {error:.1%}" if isinstance(error, int | float) else "",
        f"interval {held:.0%}" if isinstance(held, int | float) else "",
        f"{rows:,} sales" if isinstance(rows, int) else "",
    ]
    made = fmt.parsed((each.card or {}).get("created_at"))
    return f"{mark}**{_version(each.name)}** {fmt.machine_time(made)}\n" + " · ".join(filter(None, told))


def _version(version: object) -> str:
    if not version:
        return ""
    return str(version) if _NAME.fullmatch(str(version)) else fmt.plain(str(version), 60)


def _metrics(metrics: Mapping[str, Any] | None) -> str:
    known = [
        f"{name}: **{figure.format(value)}**"
        for key, (name, figure) in _METRICS.items()
        if isinstance(value := (metrics or {}).get(key), int | float)
    ]
    return "\n".join(known) or "Not measured."


def _members(members: Mapping[str, Mapping[str, Any]] | None) -> str:
    weights = {name: float(facts["weight"]) for name, facts in (members or {}).items() if facts["weight"]}
    ranked = sorted(weights.items(), key=lambda item: -item[1])
    rows = [f"{_bar(weight)} {fmt.percent(weight)} {fmt.plain(name, 40)}" for name, weight in ranked[:10]]
    return "\n".join(rows) or "Not told."


def _bar(fraction: float) -> str:
    full = round(min(max(fraction, 0.0), 1.0) * _BAR)
    return f"`{'█' * full}{'░' * (_BAR - full)}`"


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "unknown"


def _when(value: object) -> str:
    at = fmt.parsed(value)
    return f"{fmt.day(at)} {at:%H:%M} UTC, {fmt.machine_time(at)}" if at else "unknown"


def _window(card: Mapping[str, Any]) -> str:
    begin, end = fmt.parsed(card.get("data_from")), fmt.parsed(card.get("data_to"))
    return f"{fmt.day(begin)} to {fmt.day(end)}" if begin and end else "unknown"
