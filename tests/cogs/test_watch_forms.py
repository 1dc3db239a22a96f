"""Watches as people change them by buttons and forms, also after a restart of the bot."""

from __future__ import annotations

from typing import Any

import pytest

from bot.client import create_bot
from bot.services.guild_settings import Area
from bot.services.pacing import Delivery, Quiet
from pipeline.market.values import AxieClass, Token
from pipeline.signal import Filters, Thresholds
from tests.cogs.watching import only
from tests.cogs.world import World, text

# Buttons and forms


async def pressed(world: World, label: str, person: Any = None, **watch: Any) -> Any:
    """Show a watch to the manager, restart the bot, and let somebody press one of its buttons."""
    await world.watch(name="Plants", **watch)
    shown = await world.manager.slash(world.channel, "watch show", name="Plants")
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    return await world.manager.click(shown.response, label=label)


async def test_a_watch_is_paused_and_resumed_by_its_buttons_after_a_restart(world: World) -> None:
    result = await pressed(world, "Pause")
    assert (await only(world)).paused
    assert "(paused)" in text(result)
    await world.manager.click(result.response, label="Resume")
    assert not (await only(world)).paused


async def test_a_watch_is_removed_by_its_button_and_comes_back(world: World) -> None:
    result = await pressed(world, "Remove")
    assert await world.services.watches.list(world.guild.id) == []
    await world.manager.click(result.response, label="Undo")
    assert (await only(world)).name == "Plants"


async def test_a_button_of_a_watch_that_is_gone_says_so(world: World) -> None:
    await world.watch(name="Plants")
    shown = await world.manager.slash(world.channel, "watch show", name="Plants")
    await world.services.watches.remove(world.guild.id, "Plants", 1)
    result = await world.manager.click(shown.response, label="Pause")
    assert "has been removed" in "".join(message.content for message in result.followups) or text(result)


async def test_a_button_asks_again_who_presses_it(world: World) -> None:
    role = world.guild.create_role("Traders")
    trader = world.guild.add_member(world.env.create_user("tess"), roles=[role])
    await world.services.guilds.grant(world.guild.id, 1, Area.WATCHES, role.id)
    await world.watch(name="Plants")
    shown = await trader.slash(world.channel, "watch show", name="Plants")
    await world.services.guilds.grant(world.guild.id, 1, Area.WATCHES, None)
    await trader.click(shown.response, label="Pause")
    assert not (await only(world)).paused


async def opened(world: World, which: str, **options: Any) -> Any:
    form = await world.manager.slash(world.channel, "watch edit", name="Plants", form=which, **options)
    assert form.modal is not None
    return form


async def test_editing_without_options_opens_the_thresholds_as_they_are(world: World) -> None:
    await world.watch(name="Plants")
    form = await world.manager.slash(world.channel, "watch edit", name="Plants")
    values = {
        row["component"]["custom_id"]: row["component"].get("value") for row in form.modal["components"]
    }
    assert values == {
        "min_net": "0.3",
        "min_return": "20",
        "min_probability": "70",
        "min_sell_chance": "0",
        "max_age": None,
    }


async def test_the_form_of_thresholds_is_taken_after_a_restart(world: World) -> None:
    await world.watch(name="Plants", max_price_usd=40.0, max_age_s=600)
    form = await opened(world, "thresholds")
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    filled = {"min_net": "$2,50", "min_return": "30 %", "min_probability": "", "max_age": ""}
    result = await world.manager.submit_modal(form, filled)
    assert result.ephemeral
    assert "$2.50" in text(result)
    watch = await only(world)
    assert watch.thresholds == Thresholds(2.5, 0.3)
    assert watch.filters == Filters(max_price_usd=40.0), "what is not in the form stays"


async def test_the_form_of_filters_takes_menus_lists_and_ranges(world: World) -> None:
    await world.watch(name="Plants", classes=(AxieClass.PLANT,), min_level=3)
    form = await opened(world, "filters")
    filled = {
        "classes": ["Beast", "Dusk"],
        "collections": [],
        "parts": "tail-carrot",
        "breeds": "0-2",
        "price": "-40",
    }
    await world.manager.submit_modal(form, filled)
    assert (await only(world)).filters == Filters(
        (AxieClass.BEAST, AxieClass.DUSK),
        parts=("tail-carrot",),
        min_breed_count=0,
        max_breed_count=2,
        max_price_usd=40.0,
        min_level=3,
    )


async def test_the_form_of_more_takes_tokens_purity_level_and_pings(world: World) -> None:
    await world.watch(name="Plants", classes=(AxieClass.PLANT,), min_level=3)
    form = await opened(world, "more")
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    filled = {"tokens": ["WETH", "USDC"], "min_purity": "80 %", "min_level": "", "ping_above": "$2.50"}
    await world.manager.submit_modal(form, filled)
    watch = await only(world)
    assert watch.filters == Filters((AxieClass.PLANT,), tokens=(Token.WETH, Token.USDC), min_purity=80)
    assert watch.delivery == Delivery(ping_above_usd=2.5)


async def test_the_form_of_the_delivery_moves_renames_and_quiets(world: World) -> None:
    await world.watch(name="Plants")
    elsewhere = world.guild.create_text_channel("elsewhere")
    role = world.guild.create_role("Flippers", mentionable=True)
    form = await opened(world, "delivery")
    filled = {"name": "Low", "channel": [elsewhere], "role": [role], "cap": "6", "quiet": "22:00-07:00"}
    await world.manager.submit_modal(form, filled)
    watch = await only(world)
    assert (watch.name, watch.channel_id) == ("Low", elsewhere.id)
    assert watch.delivery == Delivery(role.id, 0.0, 6, Quiet(22 * 60, 7 * 60))


@pytest.mark.parametrize(
    ("which", "wrong", "said"),
    [
        ("thresholds", {"min_net": "much"}, "cannot be the least net profit"),
        ("thresholds", {"min_net": "nan"}, "cannot be the least net profit"),
        ("thresholds", {"min_probability": "120"}, "from 0 to 100"),
        ("filters", {"breeds": "5-2"}, "above the most"),
        ("filters", {"breeds": "0-9"}, "from 0 to 7"),
        ("filters", {"parts": "wing"}, "is no part id"),
        ("filters", {"price": "1-2-3"}, "write a range"),
        ("more", {"min_purity": "101"}, "from 0 to 100"),
        ("more", {"min_level": "0"}, "from 1 to 60"),
        ("more", {"ping_above": "-1"}, "cannot be the net profit to ping from"),
        ("delivery", {"cap": "0"}, "from 1 to 1,000"),
        ("delivery", {"quiet": "nights"}, "no quiet hours"),
        ("delivery", {"name": "Beasts"}, "already has a watch"),
    ],
)
async def test_a_form_that_makes_no_sense_is_refused_and_changes_nothing(
    world: World, which: str, wrong: dict[str, Any], said: str
) -> None:
    before = await world.watch(name="Plants")
    await world.watch(name="Beasts")
    asked = {"name": "Plants", "channel": [world.channel]} if which == "delivery" else {}
    result = await world.manager.submit_modal(await opened(world, which), asked | wrong)
    assert result.ephemeral
    assert said in text(result)
    assert await world.services.watches.get(world.guild.id, "Plants") == before


@pytest.mark.parametrize(
    ("which", "typed"),
    [
        (
            "thresholds",
            {"min_net": "much", "min_return": "30 %", "min_probability": "", "min_sell_chance": "`5`"},
        ),
        ("filters", {"classes": ["Beast", "Dusk"], "parts": "tail-carrot, wing", "breeds": "5-2"}),
        ("more", {"tokens": ["WETH"], "min_purity": "much", "ping_above": "3"}),
        ("delivery", {"name": "Low ones", "cap": "0", "quiet": "22:00-07:00"}),
    ],
)
async def test_a_refused_form_opens_again_with_what_was_typed_also_after_a_restart(
    world: World, which: str, typed: dict[str, Any]
) -> None:
    await world.watch(name="Plants", classes=(AxieClass.PLANT,))
    elsewhere, role = world.guild.create_text_channel("elsewhere"), world.guild.create_role("Flippers")
    places = {"channel": [elsewhere], "role": [role]} if which == "delivery" else {}
    refused = await world.manager.submit_modal(await opened(world, which), typed | places)
    assert refused.ephemeral
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    again = await world.manager.click(refused.response, label="Open it again")
    assert again.modal is not None
    shown = {row["component"]["custom_id"]: now_in(row["component"]) for row in again.modal["components"]}
    expected = typed | {name: [str(place.id) for place in given] for name, given in places.items()}
    assert {name: shown[name] for name in expected} == expected
    if which == "thresholds":
        await world.manager.submit_modal(again, shown | {"min_net": "2", "min_sell_chance": "5"})
        assert (await only(world)).thresholds == Thresholds(2.0, 0.3, 0.7, 0.05)


def now_in(component: dict[str, Any]) -> Any:
    """What a field of an open form holds."""
    if "options" in component:
        return [option["value"] for option in component["options"] if option.get("default")]
    if "default_values" in component:
        return [each["id"] for each in component["default_values"]]
    return component.get("value") or ""


async def test_a_form_of_somebody_who_lost_the_right_meanwhile_is_refused(world: World) -> None:
    role = world.guild.create_role("Traders")
    trader = world.guild.add_member(world.env.create_user("tess"), roles=[role])
    await world.services.guilds.grant(world.guild.id, 1, Area.WATCHES, role.id)
    before = await world.watch(name="Plants")
    form = await trader.slash(world.channel, "watch edit", name="Plants")
    await world.services.guilds.grant(world.guild.id, 1, Area.WATCHES, None)
    result = await trader.submit_modal(form, {"min_net": "9"})
    assert "Manage Channels" in text(result)
    assert await only(world) == before
