"""How signals that are looked back at are added up in Discord: `/performance` and the daily digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import discord
import msgspec

from bot.services.ledger import Basis, LedgerRow
from bot.services.performance import MOST_ROWS, Performance
from cogs import format as fmt
from cogs.embeds import CAREFUL, QUIET, STRONG, fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.services.announcements import Said
    from bot.services.digests import Digest
    from cogs.format import Moment
    from cogs.money import Money

HOME: Final = "https://app.axieinfinity.com/marketplace"
_HOW: Final = (
    "On paper: bought at the price it was sold for, sold again at what it was seen to sell for next, "
    "or else at the forecast; fee and gas paid."
)


def performance(found: Performance, days: int, watch: str | None, money: Money) -> discord.Embed:
    """All that is to be said of the signals of some days."""
    whose = f" of “{fmt.plain(watch, 50)}”" if watch else ""
    embed = discord.Embed(title=f"Signals{whose}, last {fmt.days(days)}", colour=_colour(found))
    if not found.signals:
        embed.description = "No signals yet. `/predictions recent` shows what was priced."
        return embed
    _add(embed, found, money)
    if found.chances:
        embed.add_field(name="Chances, promised and held", value=_chances(found), inline=False)
    newest = f"The newest {MOST_ROWS:,} signals. " if found.capped else ""
    return embed.set_footer(text=f"{newest}{_HOW}")


def digest(said: Said, money: Money) -> discord.Embed:
    """A watch's day."""
    found = msgspec.convert(said.body["performance"], Performance)
    best = msgspec.convert(said.body["best"], list[LedgerRow])
    embed = discord.Embed(title=f"The day of “{fmt.plain(said.body['watch'], 50)}”", colour=_colour(found))
    embed.url = HOME
    if found.signals:
        _add(embed, found, money)
    else:
        embed.description = "No signals in the last 24 hours."
    if best:
        rows = fit(_result(row, money) for row in best)
        embed.add_field(name="Best on paper", value=rows, inline=False)
    return embed.set_footer(text="Daily digest · /digest sets its hour or ends it")


def digests(found: Sequence[Digest], moment: Moment, zone: str) -> str:
    """A server's digests in a line each."""
    return "\n".join(one_digest(each, moment, zone) for each in found)


def one_digest(found: Digest, moment: Moment, zone: str) -> str:
    """When and where a digest comes."""
    name = f"**{fmt.plain(found.watch_name, 50)}**"
    at = f"daily at {found.hour:02}:00 ({zone}), next {fmt.when(moment, found.next_at)}"
    return f"{name} → <#{found.channel_id}> {at}"


def _add(embed: discord.Embed, found: Performance, money: Money) -> None:
    ends = [f"{found.sold:,} sold", f"{found.gone:,} withdrawn", f"{found.open:,} open"]
    embed.add_field(name="Signals", value="\n".join([f"**{found.signals:,}**", *ends]))
    if found.hit_rate is None or found.median_net_usd is None:
        embed.add_field(name="Hit rate", value="None sold yet.")
        return
    # A sale at the forecast cannot prove the forecast wrong, so what was seen resold comes first; as a count,
    # for a share of one or two would say more than they do.
    proved = (
        f"**{found.proved_paid:,} of {found.proved:,}** resold paid" if found.proved else "None resold yet"
    )
    all_of = f"{fmt.share(found.hit_rate)} of {found.sold:,} sold, the rest at the forecast"
    embed.add_field(name="Hit rate", value=f"{proved}\n{all_of}")
    sums = [f"**{money.gain(found.net_usd)}**", f"promised {money.gain(found.promised_usd)}"]
    embed.add_field(
        name="Profit on paper", value="\n".join([*sums, f"median {money.gain(found.median_net_usd)}"])
    )
    if found.median_sold_after_s is not None:
        value = f"half within **{fmt.age(found.median_sold_after_s)}**"
        embed.add_field(name="Time to sale", value=value)


def _chances(found: Performance) -> str:
    rows = [
        f"of {each.signals:,} promised {fmt.percent(each.promised)}, **{fmt.share(each.paid)}** paid"
        for each in found.chances
    ]
    if not found.chances_proved:
        rows.append("-# Few were resold so far, so this rests on forecasts too and flatters them.")
    return fit(rows)


def _result(row: LedgerRow, money: Money) -> str:
    how = "resold" if row.basis is Basis.RESALE else "by the forecast"
    link = f"[#{row.axie_id}]({fmt.page(row.axie_id or 0)})"
    return f"**{money.gain(row.paper_net_usd or 0.0)}** {how} · {link} · asked {money.amount(row.ask_usd)}"


def _colour(found: Performance) -> discord.Colour:
    if not found.sold:
        return QUIET
    return STRONG if found.net_usd >= 0 else CAREFUL
