"""How announcements look: what is wrong with the bot and that it is mended, and digests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord

from bot.services import conditions, digests, watchdog
from cogs import format as fmt
from cogs.embeds import CAREFUL, QUIET, STRONG, results

if TYPE_CHECKING:
    from bot.services.announcements import Said
    from bot.services.conditions import Condition
    from cogs.money import Money

WATCHES: Final = "watches"  # the kind of what tells of watches that cannot post
# The beginning of a condition's key: its name, what to do about it, and how its end is told.
_CONDITIONS: Final = {
    watchdog.ERROR: (
        "The model has drifted",
        "Collect and retrain: `/model retrain`.",
        "The model is accurate again",
    ),
    watchdog.COVERAGE: (
        "The model's intervals are too narrow",
        "Collect and retrain: `/model retrain`. Until then ask for a higher probability.",
        "The model's intervals hold again",
    ),
    watchdog.STALE_MODEL: (
        "The model is stale",
        "Retrain it: `/model retrain`. If it stays stale, see whether collections fail: `/status`.",
        "The model is fresh again",
    ),
    watchdog.COLLECTION: (
        "A collection failed",
        "It is tried again by itself. `/status` shows the task; `axieflip doctor` says what is wrong.",
        "Collections work again",
    ),
}


def embed(said: Said, money: Money) -> discord.Embed:
    """An announcement of any kind, in the currency of the server that it is for."""
    if said.kind == digests.KIND:
        return results.digest(said, money)
    if said.kind == WATCHES:
        return _watches(said)
    assert said.kind == conditions.KIND, f"nobody writes out {said.kind}"
    return condition(said)


def condition(said: Said) -> discord.Embed:
    """Something that is wrong, or that it is mended."""
    name, remedy, over = _named(said.body["key"])
    opened, mended = fmt.parsed(said.body["opened_at"]), fmt.parsed(said.body["mended_at"])
    detail = fmt.plain(said.body["detail"], 400)
    if mended is None:
        made = discord.Embed(title=f"⚠️ {name}", description=f"{detail}\n{remedy}", colour=CAREFUL)
    else:
        lasted = fmt.span(opened, mended) if opened else "some time"
        text = f"That was wrong for {lasted}: {detail}"
        made = discord.Embed(title=f"✅ {over}", description=text, colour=STRONG)
    made.url = results.HOME
    made.timestamp = mended or opened
    return made.set_footer(text="For this server's operators · /settings show tells the channel")


def trouble(wrong: Condition) -> str:
    """Something that is wrong in one line."""
    name, _, _ = _named(wrong.key)
    return f"{name}, since {fmt.machine_time(wrong.opened_at)}. {fmt.plain(wrong.detail, 250)}"


def _named(key: str) -> tuple[str, str, str]:
    found = (names for beginning, names in _CONDITIONS.items() if key.startswith(beginning))
    return next(found, (fmt.plain(key), "`/status` tells more.", f"Over: {fmt.plain(key)}"))


def _watches(said: Said) -> discord.Embed:
    """What was lost and what came back, in one message."""
    body = said.body
    lines: list[str] = [f"⏸️ **{fmt.plain(name, 50)}** is paused. {reason}" for name, reason in body["lost"]]
    lines += [f"▶️ **{fmt.plain(name, 50)}** goes on." for name in body["mended"]]
    lines += [f"ℹ️ {note}" for note in body["notes"]]
    if said.user_id is not None:
        where = fmt.plain(body.get("server", ""), 100)
        lines.insert(0, f"There is no channel on **{where}** where I can say this, so I tell you directly.")
    title = "Watches cannot post" if body["lost"] else "Watches"
    colour = CAREFUL if body["lost"] else QUIET
    made = discord.Embed(title=title, description=fmt.shorten("\n".join(lines), 4000), colour=colour)
    made.url = fmt.MARKETPLACE
    kept = "Nothing is lost: the watches are kept as they are · " if body["lost"] else ""
    return made.set_footer(text=f"{kept}/watch list shows them all")
