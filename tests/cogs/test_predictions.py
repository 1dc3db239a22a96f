"""Looking back at predictions from Discord: pages, one in full, a file, and what is refused."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete

from bot.client import create_bot
from bot.db.tables import ListingRow
from bot.services.guild_settings import Area, Currency
from bot.services.history import MAX_DAYS, TABLE, Wanted
from bot.services.journal import Entry
from cogs import looking, tables
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass, OrderStatus, Resolution
from tests.cogs.parts import make_axie, make_listing, price
from tests.cogs.world import World, text, words


async def listings(world: World, count: int, **axie: Any) -> list[int]:
    """So many priced listings, the newest first; their axies' numbers."""
    now = world.services.clock.now()
    found = [make_listing(now - timedelta(minutes=n), axie=make_axie(**axie)) for n in range(count)]
    forecasts = [
        msgspec.structs.replace(world.predictor.forecast(each.axie), at=each.seen_at) for each in found
    ]
    entries = [Entry(each, price(each, forecast)) for each, forecast in zip(found, forecasts, strict=True)]
    await world.services.journal.record(entries)
    return [each.axie.id for each in found]


def numbers(shown: str) -> list[int]:
    return [int(number) for number in re.findall(r"\[#(\d+)\]", shown)]


def page(message: Any) -> list[int]:
    return numbers(words(message.embeds[0]))


def disabled(message: Any) -> set[str]:
    items = [item for row in message.components for item in row["components"]]
    return {item["label"] for item in items if item.get("disabled")}


async def test_recent_predictions_mark_the_signals_and_the_sold(world: World) -> None:
    watch = await world.watch()
    told, _ = await world.signal(watch)
    other, _ = await world.signal()
    sold = Resolution(other.hash, OrderStatus.MATCHED, other.seen_at + timedelta(minutes=12))
    await world.services.journal.resolve([sold])
    rows = text(await world.member.slash(world.channel, "predictions recent")).splitlines()
    (signalled,) = [row for row in rows if f"#{told.axie.id}" in row]
    (plain,) = [row for row in rows if f"#{other.axie.id}" in row]
    assert signalled.startswith("🔔")
    assert "$12.50 → $20.00" in signalled
    assert not plain.startswith("🔔")
    assert "sold after 12 min" in plain
    for narrowed in ({"signals_only": True}, {"watch": "plants"}):
        shown = text(await world.member.slash(world.channel, "predictions recent", **narrowed))
        assert numbers(shown) == [told.axie.id]
        assert "Signals" in shown
    shown = text(await world.member.slash(world.channel, "predictions recent", sold_only=True))
    assert numbers(shown) == [other.axie.id]


async def test_predictions_are_narrowed_by_class_and_profit(world: World) -> None:
    plants = await listings(world, 1)
    beasts = await listings(world, 1, class_=AxieClass.BEAST)
    ask = world.member.slash
    assert numbers(text(await ask(world.channel, "predictions recent", **{"class": "Beast"}))) == beasts
    assert numbers(text(await ask(world.channel, "predictions recent", min_net=1.0))) == plants
    nothing = await ask(world.channel, "predictions recent", collection="mystic")
    assert "/status" in text(nothing)
    assert nothing.response.components == []


async def test_amounts_are_in_the_currency_of_the_server(world: World) -> None:
    def edit(settings: Any) -> Any:
        return msgspec.structs.replace(settings, currency=Currency.ETH)

    listing, _ = await world.signal()
    await world.services.guilds.change(world.guild.id, world.manager.id, edit)
    message = (await world.member.slash(world.channel, "predictions recent")).response
    assert "0.005 ETH → 0.008 ETH" in words(message.embeds[0])
    assert "0.008 ETH" in text(await world.member.select(message, [listing.hash]))
    narrowed = await world.member.slash(world.channel, "predictions recent", min_net=5.0)
    assert "net at least 0.002 ETH" in text(narrowed)


async def test_an_unknown_watch_is_refused_with_the_names_near_it(world: World) -> None:
    await world.watch()
    result = await world.member.slash(world.channel, "predictions recent", watch="Plant")
    assert result.ephemeral
    assert "Did you mean Plants?" in text(result)


async def test_one_pages_through_by_buttons_that_survive_a_restart(world: World) -> None:
    ids = await listings(world, 25)
    message = (await world.member.slash(world.channel, "predictions recent", days=30)).response
    assert page(message) == ids[:10]
    assert disabled(message) == {"Newer"}
    await world.member.click(message, label="Older")
    assert page(message) == ids[10:20]
    assert disabled(message) == set()
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    await world.member.click(message, label="Older")
    assert page(message) == ids[20:]
    assert disabled(message) == {"Older"}
    await listings(world, 3)  # what is new moves no page
    await world.member.click(message, label="Newer")
    assert page(message) == ids[10:20]
    assert "last 30 days" in words(message.embeds[0])


async def test_one_of_the_page_is_shown_in_full_to_the_asker_alone(world: World) -> None:
    listing, _ = await world.signal(await world.watch())
    sold = Resolution(listing.hash, OrderStatus.MATCHED, listing.seen_at + timedelta(hours=3))
    await world.services.journal.resolve([sold])
    message = (await world.member.slash(world.channel, "predictions recent")).response
    result = await world.member.select(message, [listing.hash])
    assert result.ephemeral
    shown = text(result)
    for said in (f"Axie #{listing.axie.id}", "+$6.64", "Sold after 3 h", "signal on this server"):
        assert said in shown
    async with world.services.db.session() as session:
        await session.execute(delete(ListingRow))
    gone = await world.member.select(message, [listing.hash])
    assert gone.ephemeral
    assert "no longer stored" in text(gone)


async def test_the_table_comes_as_a_file(world: World) -> None:
    ids = await listings(world, 12)
    message = (await world.member.slash(world.channel, "predictions recent")).response
    result = await world.member.click(message, label="CSV")
    assert result.ephemeral
    sent = result.response
    assert "12 predictions" in sent.content
    (file,) = sent.attachments
    assert re.fullmatch(r"predictions-\d{4}-\d\d-\d\d\.csv", file.filename)
    rows = list(csv.DictReader(io.StringIO((await file.read()).decode())))
    assert list(rows[0]) == list(TABLE)
    assert [int(row["axie_id"]) for row in rows] == ids
    assert (rows[0]["ask_usd"], rows[0]["signalled"], rows[0]["ended_at"]) == ("12.5", "no", "")


async def test_one_axies_predictions_are_found_by_its_number(world: World) -> None:
    axie = make_axie()
    now = world.services.clock.now()
    older = make_listing(now - timedelta(days=2), axie=axie, hash="0xolder")
    await world.signal(listing=older)
    await world.signal(listing=make_listing(now, axie=axie))
    typed = str(axie.id)[:6]
    choices = await world.member.autocomplete(world.channel, "predictions show", "axie", typed)
    assert {"name": f"#{axie.id} · Plant", "value": str(axie.id)} in [
        {"name": choice["name"], "value": choice["value"]} for choice in choices
    ]
    result = await world.member.slash(world.channel, "predictions show", axie=f"#{axie.id}")
    assert result.ephemeral
    assert "Still for sale" in text(result)
    assert "Before" in text(result)


@pytest.mark.parametrize(("axie", "said"), [("77", "No listing of axie #77"), ("Puff", "no axie's number")])
async def test_what_was_never_priced_is_a_sentence(world: World, axie: str, said: str) -> None:
    result = await world.member.slash(world.channel, "predictions show", axie=axie)
    assert result.ephemeral
    assert said in text(result)


@pytest.mark.parametrize("label", ["Older", "CSV", None])
async def test_who_may_read_no_longer_turns_no_page_and_opens_none(world: World, label: str | None) -> None:
    await listings(world, 12)
    readers = world.guild.create_role("Readers")
    reader = world.guild.add_member(world.env.create_user("rhea"), roles=[readers])
    await world.services.guilds.grant(world.guild.id, 1, Area.READING, readers.id)
    shown = await reader.slash(world.channel, "predictions recent")
    other = world.guild.create_role("Others")
    await world.services.guilds.grant(world.guild.id, 1, Area.READING, other.id)
    if label is None:
        choice = shown.response.components[0]["components"][0]["options"][0]["value"]
        result = await reader.select(shown.response, [choice])
    else:
        result = await reader.click(shown.response, label=label)
    assert f"<@&{other.id}>" in text(result)
    assert len(result.followups) == 0


async def test_a_button_of_a_page_that_makes_no_sense_is_refused(world: World) -> None:
    await listings(world, 11)
    message = (await world.member.slash(world.channel, "predictions recent")).response
    stored = world.env.backend.get_message(world.channel.id, message.id)
    older = stored.components[1]["components"][1]
    older["custom_id"] = older["custom_id"].rpartition(":")[0] + ":.x"
    result = await world.member.click(message, label="Older")
    assert result.ephemeral
    assert "anew" in text(result)


@given(
    st.builds(
        Wanted,
        guild_id=st.just(1),
        days=st.integers(1, MAX_DAYS),
        signals=st.booleans(),
        watch_id=st.none() | st.integers(1, 2**53),
        class_=st.none() | st.sampled_from(AxieClass),
        collection=st.none() | st.sampled_from(Collection),
        min_net_usd=st.none() | st.integers(-99_999, 999_999).map(lambda cents: cents / 100),
        sold=st.booleans(),
    )
)
def test_a_button_carries_all_that_was_asked_for(asked: Wanted) -> None:
    custom_id = f"look:{looking.state(asked)}:o:{2**60:x}.0x{'a' * 14}"
    assert len(custom_id) <= 100
    found = looking.Turn.__discord_ui_compiled_template__.fullmatch(custom_id)
    assert found is not None
    assert looking.wanted(found, 1) == asked


def test_a_table_starts_no_formula() -> None:
    assert tables.csv(("a",), [("=1+1",), ("plain",)]) == b"a\r\n'=1+1\r\nplain\r\n"
