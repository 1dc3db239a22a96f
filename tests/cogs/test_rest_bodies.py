"""Every body that the bot sends is one that Discord's own description of its API accepts."""

from __future__ import annotations

import re
from typing import Any

import discord
import pytest

from cogs import outgoing
from pipeline.market.pages import AxieDetail
from pipeline.market.values import OrderStatus
from pipeline.signal import Contribution
from tests.cogs.bodies import DESCRIPTION, faults
from tests.cogs.parts import make_axie, make_listing
from tests.cogs.world import World

pytestmark = pytest.mark.skipif(
    not DESCRIPTION.exists(), reason=f"NOT CHECKED against Discord's API description: no {DESCRIPTION}"
)


async def use_everything(world: World) -> None:
    """Each command once, a success and a refusal, and an alert of each kind."""
    admins = world.guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
    ada = world.guild.add_member(world.env.create_user("ada"), roles=[admins])
    here = world.channel
    await ada.slash(here, "watch add", name="Plants", channel=here, classes="Plant", max_breeds=2)
    await ada.slash(here, "watch add", name="Plants", channel=here)
    await ada.slash(here, "threshold set", watch="Plants", net=2.0)
    await ada.slash(here, "threshold show")
    await ada.slash(here, "watch list")
    await ada.autocomplete(here, "watch remove", "name", "p")
    watch = await world.services.watches.get(world.guild.id, "Plants")
    await world.signal(watch)
    now = world.services.clock.now()
    auction = make_listing(now, ended=10**15, ended_at=make_listing(now).expires_at)
    await world.signal(watch, listing=auction, cautions=("a rate is old",))
    await world.deliver()
    axie = make_axie()
    world.market.details[axie.id] = AxieDetail(axie, None)
    await ada.slash(here, "predict", axie_id=str(axie.id))
    await ada.slash(here, "predict", axie_id="1")
    await ada.slash(here, "axie", id=str(axie.id))
    found = await ada.slash(here, "predictions recent", days=30)
    await ada.click(found.response, label="CSV")
    await ada.slash(here, "predictions show", axie=str(axie.id))
    await ada.autocomplete(here, "predictions show", "axie", "1")
    await ada.slash(here, "performance")
    await ada.slash(here, "market")
    await ada.slash(here, "digest", watch="Plants", at=9)
    await ada.slash(here, "digest")
    await ada.slash(here, "status")
    await ada.slash(here, "model status")
    await ada.slash(here, "model list")
    await ada.slash(here, "model rollback")
    await ada.slash(here, "watch remove", name="Plants")
    message = world.bot.get_partial_messageable(here.id).get_partial_message(world.posted()[0].id)
    await outgoing.edit(message, embed=discord.Embed(title="edited"))
    await ada.slash(here, "model retrain")


async def test_discord_accepts_every_body_that_the_bot_sends(world: World) -> None:
    await use_everything(world)
    sent = [(r.method, r.path, r.json) for r in world.env.http_requests if r.json is not None]
    kinds = {(method, re.sub(r"\d{10,}", "…", path).split("/")[1]) for method, path, _ in sent}
    assert kinds >= {("PUT", "applications"), ("POST", "channels"), ("PATCH", "channels")}
    assert kinds >= {("POST", "interactions"), ("POST", "webhooks")}
    assert [fault for request in sent for fault in faults(*request)] == []


async def live_through_everything(world: World) -> None:
    """Alerts in one message, each of their buttons, an answer and a refusal of each, and every edit."""
    watch = await world.watch(name="x" * 50)
    world.predictor.contributions = (Contribution("level", 1.0), Contribution("build", 19.0))
    title = "[@everyone](https://e.example) " * 20
    first = make_listing(world.services.clock.now(), axie=make_axie(title=title))
    await world.signal(watch, listing=first, cautions=("c" * 500,) * 9)
    listings = await world.page(watch, count=5)
    await world.deliver()
    single, page = world.posted()
    await world.member.click(single, label="Why")
    await world.member.click(single, label="Mine")
    await world.manager.click(world.posted()[0], label="Claimed")
    await world.member.click(single, label="Mute")
    offered = (await world.manager.click(single, label="Mute")).response
    chosen = await world.manager.select(offered, ["build:tomorrow"])
    await world.manager.click(chosen.response, label="Undo")
    for number, status in enumerate(
        (OrderStatus.MATCHED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.INVALID_STATE)
    ):
        await world.ends(listings[number], status)
    await world.ends(first, OrderStatus.MATCHED)
    await world.edit()
    assert len(page.embeds) == 5


@pytest.mark.usefixtures("prompt_edits")
async def test_discord_accepts_every_body_in_the_life_of_an_alert(world: World) -> None:
    await live_through_everything(world)
    sent = [(r.method, r.path, r.json) for r in world.env.http_requests if r.json is not None]
    assert [fault for request in sent for fault in faults(*request)] == []
    for _, _, body in sent:
        embeds = body.get("embeds", []) if isinstance(body, dict) else []
        assert sum(len(discord.Embed.from_dict(embed)) for embed in embeds) <= 6000


@pytest.mark.parametrize(
    "body",
    [
        {"content": "x" * 2001},
        {"content": "x", "colour": "red"},
        {"embeds": [{"title": "x" * 257}]},
        {"embeds": [{"title": "x", "fields": [{"name": "n", "value": "v", "inlined": True}]}]},
        {"nonce": "n" * 26, "content": "x"},
    ],
)
def test_the_check_itself_finds_what_is_wrong(body: dict[str, Any]) -> None:
    assert faults("POST", "/channels/123456789012345678/messages", body)
