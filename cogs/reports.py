"""How a model and its training look: what it is made of, how good it is, how far a training is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import discord

from cogs import format as fmt
from cogs.embeds import CAREFUL, GOOD, QUIET, STRONG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.services.runs import Run

_BAR: Final = 12
_STATES: Final = {
    "running": ("Training", GOOD),
    "done": ("Training finished", STRONG),
    "failed": ("Training failed", CAREFUL),
    "interrupted": ("Training interrupted", CAREFUL),
    "cancelled": ("Training cancelled", QUIET),
}
# Metric of a card: its name for people, and how its figure is written.
_METRICS: Final = {
    "median_ape": ("Median error", "{:.1%}"),
    "within_20": ("Within 20% of the price", "{:.1%}"),
    "r2_log": ("R² of log price", "{:.3f}"),
    "coverage_90": ("90% interval holds", "{:.1%}"),
}


def model(version: str | None, card: Mapping[str, Any] | None, current: Run | None) -> discord.Embed:
    """The card of the champion, and the training that is under way if one is."""
    embed = discord.Embed(title=f"Model {_version(version)}".rstrip(), colour=GOOD)
    if version is None or card is None:
        embed.description = "No model has been trained yet, so nothing can be priced."
        embed.colour = CAREFUL
    else:
        _add_card(embed, card)
    if current is not None:
        embed.add_field(name=f"Training (run {current.id})", value=_progress(current), inline=False)
    elif version is None:
        embed.set_footer(text="An administrator can start a training with /model retrain.")
    return embed


def _add_card(embed: discord.Embed, card: Mapping[str, Any]) -> None:
    embed.add_field(name="Trained", value=_when(card.get("created_at")))
    embed.add_field(name="Sales learnt from", value=_count(card.get("rows")))
    embed.add_field(name="Data", value=_window(card))
    accuracy = _metrics(card.get("metrics"))
    embed.add_field(name="Accuracy on sales it had not seen", value=accuracy, inline=False)
    embed.add_field(name="Members and their weights", value=_members(card.get("members")), inline=False)


def training(run: Run, before: Mapping[str, Any] | None = None) -> discord.Embed:
    """A training: how far it is, or what came of it beside `before`, the card of the model it had to beat."""
    title, colour = _STATES.get(run.state, (run.state.title(), QUIET))
    embed = discord.Embed(title=f"{title} (run {run.id})", colour=colour)
    if run.state == "running":
        embed.description = _progress(run)
        return embed.set_footer(text="This message follows the training; the bot goes on pricing meanwhile.")
    if run.error:
        embed.description = f"{fmt.plain(run.error, 500)}\nThe model in use is unchanged."
    if run.report is not None:
        promoted = bool(run.report.get("promoted"))
        verdict = "The new model is in use now" if promoted else "The model in use stays"
        reason = fmt.plain(str(run.report.get("reason") or "no reason was given"), 300)
        embed.description = f"**{verdict}:** {reason}."
        embed.add_field(name=f"New {_version(run.version)}", value=_metrics(run.report.get("metrics")))
    if run.report is not None and before is not None:
        embed.add_field(
            name=f"Before {_version(before.get('version'))}", value=_metrics(before.get("metrics"))
        )
    return embed


def _progress(run: Run) -> str:
    return f"{_bar(run.fraction)} {fmt.percent(run.fraction)}\n{fmt.plain(run.stage, 100)}"


def _version(version: object) -> str:
    return fmt.plain(str(version), 60) if version else ""


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
