"""How the bot's own condition looks: what it does, how fast, and what is wrong if something is.

Times of polls, tasks and the process are the machine's, so Discord can keep them up to date; times of
the market are text.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import discord

from cogs import format as fmt
from cogs.embeds import CAREFUL, STRONG, fit, notices

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bot.services.announcements import Failure
    from bot.services.conditions import Condition as Wrong
    from bot.services.outbox import OutboxCounts, Problem
    from bot.services.stats import IntakeStats
    from bot.services.watches import Watch
    from bot.supervisor import TaskStatus
    from pipeline.market.budget import BudgetSnapshot

_SIGNS: Final = {"running": "🟢", "waiting": "🟢", "backing off": "🟠", "stopped": "🔴"}


class Condition(NamedTuple):
    """What is known of the bot at a moment; `alerts` and `problems` are those of one server."""

    stats: IntakeStats
    silent_after_s: float
    tasks: Sequence[TaskStatus]
    alerts: OutboxCounts
    problems: Sequence[Problem]
    wrong: Sequence[Wrong]
    version: str | None
    card: Mapping[str, Any] | None
    started_at: datetime
    moment: fmt.Moment
    budget: BudgetSnapshot
    paused: Sequence[Watch] = ()  # by the bot itself, as they cannot post
    untold: Sequence[Failure] = ()


def report(seen: Condition) -> discord.Embed:
    """The whole condition; anything that a person should act on comes first."""
    troubles = list(_troubles(seen))
    embed = discord.Embed(title="Status", colour=CAREFUL if troubles else STRONG)
    embed.description = "\n".join(f"⚠️ {trouble}" for trouble in troubles) or "✅ Watching the marketplace."
    embed.add_field(name="Marketplace", value=_watching(seen), inline=False)
    embed.add_field(name="Alert lag", value=_lag(seen.stats))
    embed.add_field(name="Model", value=_model(seen))
    embed.add_field(name="Alerts here", value=_alerts(seen.alerts))
    embed.add_field(name="Tasks", value=fit(map(_task, seen.tasks)) or "none", inline=False)
    if seen.paused:
        embed.add_field(name="Paused watches", value=fit(map(_paused, seen.paused)), inline=False)
    if seen.problems:
        embed.add_field(name="Not delivered", value=fit(map(_problem, seen.problems)), inline=False)
    if seen.untold:
        embed.add_field(name="Could not be told", value=fit(map(_untold, seen.untold)), inline=False)
    return embed.set_footer(text=f"up for {fmt.since(seen.started_at)}")


def _troubles(seen: Condition) -> Iterator[str]:
    if seen.version is None:
        yield "There is no model yet, so nothing is priced. An administrator can start `/model retrain`."
    polled = seen.stats.last_poll_at
    if polled is None:
        yield "The marketplace has not been read yet."
    elif (datetime.now(UTC) - polled).total_seconds() > seen.silent_after_s:
        yield f"The marketplace was last read {fmt.since(polled)} ago; new listings are not seen."
    if seen.budget.blocked_s > 0:
        yield f"The marketplace asked for silence; reading goes on in {fmt.age(seen.budget.blocked_s)}."
    for task in seen.tasks:
        if task.state in ("backing off", "stopped"):
            yield f"The task “{fmt.plain(task.name, 40)}” is {task.state}; see below."
    yield from map(notices.trouble, seen.wrong)
    if seen.problems:
        yield "Some alerts of this server could not be delivered; see below."


def _watching(seen: Condition) -> str:
    stats, minute, hour = seen.stats, seen.budget.minute, seen.budget.hour
    newest = "none yet" if stats.last_listing_at is None else fmt.ago(seen.moment, stats.last_listing_at)
    return (
        f"last read {fmt.machine_time(stats.last_poll_at)}, last new listing {newest}\n"
        f"**{stats.listings:,}** listings, **{stats.scored:,}** priced, **{stats.signals:,}** signals, "
        f"{stats.rejected.total():,} unreadable, {stats.gaps:,} gaps\n"
        f"requests: {minute.used:,} of {minute.limit:,} a minute, {hour.used:,} of {hour.limit:,} an hour"
    )


def _lag(stats: IntakeStats) -> str:
    middle, high = stats.p50(), stats.p99()
    if middle is None or high is None:
        return "no alert yet"
    return f"median **{fmt.milliseconds(middle)}**\n99% within **{fmt.milliseconds(high)}**"


def _model(seen: Condition) -> str:
    if seen.version is None:
        return "none"
    made = fmt.parsed((seen.card or {}).get("created_at"))
    return (
        f"{fmt.plain(seen.version, 60)}\ntrained {fmt.machine_time(made) if made else 'at an unknown time'}"
    )


def _alerts(counts: OutboxCounts) -> str:
    return (
        f"{counts.delivered:,} delivered\n{counts.pending:,} pending\n"
        f"{counts.undeliverable:,} undeliverable\n{counts.expired:,} expired"
    )


def _task(task: TaskStatus) -> str:
    row = f"{_SIGNS.get(task.state, '⚪')} **{fmt.plain(task.name, 40)}** {task.state}"
    if task.last_success is not None:
        row += f", last done {fmt.machine_time(task.last_success)}"
    if task.state == "backing off" and task.last_error:
        again = f", again {fmt.machine_time(task.next_run)}" if task.next_run else ""
        row += f"{again}\n↳ {fmt.plain(task.last_error, 120)}"
    return row


def _paused(watch: Watch) -> str:
    return f"⏸️ {fmt.plain(watch.name, 40)}: {fmt.shorten(watch.paused_reason or '', 150)}"


def _untold(failure: Failure) -> str:
    whom = f"<@{failure.user_id}>" if failure.channel_id is None else f"<#{failure.channel_id}>"
    return f"{whom}, {fmt.machine_time(failure.at)}: {fmt.shorten(failure.reason, 150)}"


def _problem(problem: Problem) -> str:
    watch = fmt.plain(problem.watch_name, 40)
    return f"{watch} → <#{problem.channel_id}>, axie #{problem.axie_id}: {fmt.shorten(problem.reason, 150)}"
