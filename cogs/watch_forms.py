"""A watch as forms: thresholds, filters, more of these, and how it tells. Discord allows a form five fields.

A form's custom id says which watch it is of, and what is sent is read from the interaction itself: a form
that was opened before a restart of the bot is taken after it all the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import ui

from bot.client import AxieflipBot
from cogs import format as fmt
from cogs import parsing, permissions, refill, watch_actions, wishes
from cogs.embeds import watch_words
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass, Token

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bot.services.watches import Watch

Interaction = discord.Interaction[AxieflipBot]
FORMS: Final = ("thresholds", "filters", "more", "delivery")
CUSTOM_ID: Final = re.compile(r"watchform:(?P<form>thresholds|filters|more|delivery):(?P<id>\d+)")
_MOST: Final = {"min_net": 1e6, "min_return": 1e5, "min_probability": 100, "min_sell_chance": 100}
_CHANNELS: Final = [
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.public_thread,
    discord.ChannelType.private_thread,
    discord.ChannelType.news_thread,
]


def form(watch: Watch, which: str) -> ui.Modal:
    """One of the forms of a watch, filled in with what it is now."""
    modal = ui.Modal(
        title=f"{which.title()} of “{watch.name}”"[:45], custom_id=f"watchform:{which}:{watch.id}"
    )
    wish = wishes.Wish.of(watch)
    build = {"thresholds": _thresholds, "filters": _filters, "more": _more, "delivery": _delivery}[which]
    for label in build(watch, wish):
        modal.add_item(label)
    return modal


async def submitted(interaction: Interaction, watch: Watch, which: str) -> discord.Embed:
    """Take what a form says: every field of it counts, an empty one as nothing asked for."""
    data: Mapping[str, Any] = interaction.data or {}
    sent = refill.fields(data.get("components", ()))
    read = {
        "thresholds": _read_thresholds,
        "filters": _read_filters,
        "more": _read_more,
        "delivery": _read_delivery,
    }[which]
    given = read(sent)
    name, channel_id = given.pop("name", None), given.pop("channel", None)
    channel = None if channel_id is None else permissions.chosen_place(interaction.guild, channel_id)
    lifted = tuple(option for option, value in given.items() if value is None)
    return await watch_actions.change(interaction, watch, given, lifted=lifted, name=name, channel=channel)


def _thresholds(watch: Watch, wish: wishes.Wish) -> Iterable[ui.Label[Any]]:
    del watch
    yield _line(wish, "min_net", "Least net profit, in dollars", "After fee and gas")
    yield _line(wish, "min_return", "Least return, in percent", "Of what the axie costs")
    yield _line(wish, "min_probability", "Least chance that it pays, in percent", "70 is a good start")
    yield _line(
        wish, "min_sell_chance", "Least chance to sell within a day, in percent", "0 takes an unknown one"
    )
    yield _line(wish, "max_age", "Oldest listing, in minutes", "Empty: of any age")


def _filters(watch: Watch, wish: wishes.Wish) -> Iterable[ui.Label[Any]]:
    del watch
    yield _menu("classes", "Classes", AxieClass, wish.filters.classes, "Any class")
    yield _menu("collections", "Collections", Collection, wish.filters.collections, "Any collection or none")
    parts = ", ".join(wish.filters.parts)
    yield _text("parts", "Parts", "All of them: tail-carrot, horn-cactus", parts, 300)
    filters = wish.filters
    breeds = _span(filters.min_breed_count, filters.max_breed_count)
    yield _text("breeds", "Breed count", "A range like 0-2; empty: any", breeds, 10)
    price = _span(filters.min_price_usd, filters.max_price_usd)
    yield _text("price", "Ask, in dollars", "A range like 5-40, or -40 for at most; empty: any", price, 30)


def _more(watch: Watch, wish: wishes.Wish) -> Iterable[ui.Label[Any]]:
    del watch
    yield _menu("tokens", "Payment tokens", Token, wish.filters.tokens, "Any token")
    yield _line(wish, "min_purity", "Least purity, in percent", "Empty: any")
    yield _line(wish, "min_level", "Least level", "Empty: any")
    yield _line(
        wish, "ping_above", "Ping the role from this net profit on", "In dollars; 0 pings at every alert"
    )


def _delivery(watch: Watch, wish: wishes.Wish) -> Iterable[ui.Label[Any]]:
    name: ui.TextInput[Any] = ui.TextInput(custom_id="name", default=watch.name, min_length=1, max_length=50)
    yield ui.Label(text="Name", component=name)
    yield ui.Label(text="Channel", component=channel_menu(watch.channel_id))
    yield ui.Label(text="Role to ping", component=role_menu(wish.delivery.role_id))
    cap = "" if wish.delivery.cap is None else str(wish.delivery.cap)
    yield _text("cap", "Most alerts an hour", "The rest comes as a digest; empty: no cap", cap, 5)
    quiet = "" if wish.delivery.quiet is None else watch_words.hours(wish.delivery.quiet)
    yield _text("quiet", "Quiet hours", "Like 22:00-07:00 in the server's time; empty: none", quiet, 30)


def _read_thresholds(fields: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {
        option: parsing.number(fields.get(option, ""), _named(option), 0, most)
        for option, most in _MOST.items()
    }
    age = parsing.number(fields.get("max_age", ""), "oldest age", 1, 43_200)
    return given | {"max_age": None if age is None else int(age)}


def _read_filters(fields: Mapping[str, Any]) -> dict[str, Any]:
    low, high = parsing.span(fields.get("breeds", ""), "breed count", 7)
    cheapest, dearest = parsing.span(fields.get("price", ""), "ask", 1e7)
    return {
        "classes": tuple(AxieClass(value) for value in fields.get("classes", ())) or None,
        "collections": tuple(Collection(value) for value in fields.get("collections", ())) or None,
        "parts": parsing.parts(fields.get("parts", "")) or None,
        "min_breeds": None if low is None else int(low),
        "max_breeds": None if high is None else int(high),
        "min_price": cheapest,
        "max_price": dearest,
    }


def _read_more(fields: Mapping[str, Any]) -> dict[str, Any]:
    purity = parsing.number(fields.get("min_purity", ""), "least purity", 0, 100)
    level = parsing.number(fields.get("min_level", ""), "least level", 1, 60)
    return {
        "tokens": tuple(Token(value) for value in fields.get("tokens", ())) or None,
        "min_purity": None if purity is None else int(purity),
        "min_level": None if level is None else int(level),
        "ping_above": parsing.number(fields.get("ping_above", ""), "net profit to ping from", 0, 1e6),
    }


def _read_delivery(fields: Mapping[str, Any]) -> dict[str, Any]:
    cap = parsing.number(fields.get("cap", ""), "cap", 1, 1000)
    quiet = fields.get("quiet", "").strip()
    return {
        "name": fields.get("name") or None,
        "channel": next(map(int, fields.get("channel", ())), None),
        "role": next(map(int, fields.get("role", ())), None),
        "cap": None if cap is None else int(cap),
        "quiet": parsing.quiet(quiet) if quiet else None,
    }


def _line(wish: wishes.Wish, option: str, label: str, hint: str) -> ui.Label[Any]:
    value = wishes.shown(wish, option)
    return _text(option, label, hint, "" if value is None else f"{value:g}", 12)


def _text(custom_id: str, label: str, hint: str, value: str, most: int) -> ui.Label[Any]:
    line: ui.TextInput[Any] = ui.TextInput(
        custom_id=custom_id, default=value or None, required=False, max_length=most
    )
    return ui.Label(text=label, description=hint, component=line)


def _menu(
    custom_id: str, label: str, names: Iterable[str], chosen: Iterable[str], empty: str
) -> ui.Label[Any]:
    picked = set(chosen)
    options = [discord.SelectOption(label=_label(name), value=name, default=name in picked) for name in names]
    menu: ui.Select[Any] = ui.Select(
        custom_id=custom_id,
        options=options,
        min_values=0,
        max_values=len(options),
        placeholder=empty,
        required=False,
    )
    return ui.Label(text=label, component=menu)


def channel_menu(chosen: int | None) -> ui.ChannelSelect[Any]:
    """A menu of the channels and threads that a watch can post to."""
    kind = discord.SelectDefaultValueType.channel
    return ui.ChannelSelect(
        custom_id="channel",
        channel_types=_CHANNELS,
        default_values=[] if chosen is None else [refill.chosen(chosen, kind)],
        required=True,
    )


def role_menu(chosen: int | None) -> ui.RoleSelect[Any]:
    """A menu of roles, of which none need be chosen."""
    kind = discord.SelectDefaultValueType.role
    return ui.RoleSelect(
        custom_id="role",
        min_values=0,
        required=False,
        placeholder="Nobody",
        default_values=[] if chosen is None else [refill.chosen(chosen, kind)],
    )


def _label(name: str) -> str:
    return fmt.collection_name(name) if isinstance(name, Collection) else name


def _span(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    return f"{'' if low is None else f'{low:g}'}-{'' if high is None else f'{high:g}'}"


def _named(option: str) -> str:
    return {
        "min_net": "least net profit",
        "min_return": "least return",
        "min_probability": "least chance that it pays",
        "min_sell_chance": "least chance to sell",
    }[option]
