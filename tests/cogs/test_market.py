"""`/market` and `/axie`: the market as it is, and all there is to say of one axie."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.services.trends import Floor, Sold
from cogs.charts import plots
from pipeline.market.errors import MarketUnavailable
from pipeline.market.genes import decode
from pipeline.market.groups import ALL, of_class, of_collection
from pipeline.market.pages import AxieDetail
from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass, Sale
from sandbox.marketplace.catalogue import PER_CLASS
from sandbox.marketplace.genes import as_hex, encode
from tests.bot.factories import NOON
from tests.cogs.parts import make_axie, make_listing
from tests.cogs.world import World, text, words

TOKEN = 10**15


@pytest.fixture
def genes() -> str:
    """Of a plant whose tail is evolved and hides the genes of a beast and a bug."""
    numbers = [[class_ * each + 1 for class_ in (3, 0, 1)] for each in PER_CLASS]
    bits = encode(
        3,
        numbers,
        stages=[1, 1, 1, 1, 1, 2],
        skins=[0] * 6,
        contribution=0,
        body_skin=0,
        body=0,
        colours=(0, 0),
    )
    return as_hex(bits, padded=True)


def sale(world: World, axie: Any, hours_ago: float, amount: int = 5 * TOKEN) -> Sale:
    at = world.services.clock.now() - timedelta(hours=hours_ago)
    return Sale(f"0x{hours_ago}:{axie.id}", axie, at, amount, "0x" + "aa" * 20, "0x" + "bb" * 20)


async def fill(world: World, days: float = 1) -> None:
    now, trends = world.services.clock.now(), world.services.trends
    steps = [now - timedelta(days=days * n / 10) for n in range(10)]
    await trends.record_floors([Floor(ALL, at, 0.8 + n / 10, 31_000 + n, 5.0) for n, at in enumerate(steps)])
    await trends.record_floors(
        [
            Floor(of_class(AxieClass.DUSK), now, 2.25, 40, None),
            Floor(of_collection(Collection.MYSTIC), now, 290.0, 12, None),
            Floor(of_collection(Collection.MEO), now, None, 0, None),
        ]
    )
    dusk = make_axie(class_=AxieClass.DUSK)
    await trends.record_sales([Sold(sale(world, dusk, hours), 4.0, None) for hours in (1, 2, 3)])


async def test_the_market_shows_floors_volume_level_and_a_picture(world: World) -> None:
    await fill(world)
    result = await world.member.slash(world.channel, "market")
    shown = text(result)
    for said in ("**3** sales for **$12.00**", "floor **$0.80**", "31,000", "level **$5.00**"):
        assert said in shown
    assert "Dusk **$2.25** · 3" in shown
    assert "Mystic **$290.00**" in shown
    assert "MEO **–**" in shown
    assert "Beast **–**" in shown
    (picture,) = result.response.attachments
    assert picture.filename == "market.png"
    assert not result.ephemeral


async def test_a_market_that_cannot_be_drawn_is_told_in_words(world: World, nothing_is_drawn: None) -> None:
    await fill(world)
    result = await world.member.slash(world.channel, "market")
    assert "**3** sales for **$12.00**" in text(result)
    assert result.response.attachments == []
    assert result.response.embeds[0].image.url is None


async def test_a_market_of_which_nothing_is_known_says_so(world: World) -> None:
    result = await world.member.slash(world.channel, "market", days=30)
    assert "Nothing is known yet" in text(result)
    assert result.response.attachments == []


@pytest.mark.parametrize(("floors", "volumes"), [(2, 0), (0, 2), (9, 9)])
def test_a_picture_is_drawn_of_whatever_is_known(floors: int, volumes: int) -> None:
    points = [(NOON + timedelta(hours=n), 1.0 + n) for n in range(9)]
    drawn = plots.market(points[:floors], points[: floors // 2], points[:volumes], 3600)
    assert drawn.startswith(b"\x89PNG")


def test_of_a_long_course_no_more_is_drawn_than_can_be_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    monkeypatch.setattr(plots, "in_dollars", lambda _, values: drawn.append(len(values)))
    points = [(NOON + timedelta(minutes=15 * n), 1.0 + n % 7) for n in range(8_640)]
    plots.market(points, points, points[:30], 3600)
    assert drawn == [393, 393, 31]


async def test_an_axies_page_has_its_worth_genes_and_history(world: World, genes: str) -> None:
    axie = make_axie(genes=genes)
    world.market.details[axie.id] = AxieDetail(axie, make_listing(world.services.clock.now(), axie=axie))
    world.market.sold += [
        sale(world, axie, 30),
        sale(world, axie, 500, 4 * TOKEN),
        sale(world, make_axie(), 1),
    ]
    await world.signal(axie=axie)
    result = await world.member.slash(world.channel, "axie", id=str(axie.id))
    assert result.ephemeral
    worth, told, history = result.response.embeds
    assert "+$6.64" in words(worth)
    assert worth.image.url is not None
    assert str(axie.id) in worth.image.url
    assert {field.name for field in told.fields} == {"Eyes", "Ears", "Mouth", "Horn", "Back", "Tail"}
    assert "Carrot" in words(told)
    assert "**$12.50** 30 h ago" in words(history)
    assert "**$10.00** 21 d ago" in words(history)
    assert "$12.50 → $20.00" in words(history)
    assert history.image.url is not None
    (picture,) = result.response.attachments
    assert picture.filename == "axie.png"


async def test_an_axies_page_is_shown_without_a_picture_that_cannot_be_drawn(
    world: World, nothing_is_drawn: None
) -> None:
    axie = make_axie()
    world.market.details[axie.id] = AxieDetail(axie, None)
    world.market.sold += [sale(world, axie, 30), sale(world, axie, 500)]
    result = await world.member.slash(world.channel, "axie", id=str(axie.id))
    assert "**$12.50** 30 h ago" in words(result.response.embeds[-1])
    assert result.response.attachments == []


async def test_recessive_genes_are_named_by_the_parts_that_others_show(world: World, genes: str) -> None:
    found = decode(genes)
    tail = found.parts[-1]
    axie = make_axie(genes=genes)
    world.market.details[axie.id] = AxieDetail(axie, None)
    shown = text_of(await world.member.slash(world.channel, "axie", id=f"#{axie.id}"), 1)
    assert f"no. {tail.first.value} · {tail.first.class_}" in shown
    # Another axie shows as dominant what is recessive in this one.
    gene = f"tail:{tail.first.class_}:{tail.first.value}"
    await world.services.parts._add({"tail-night-steed": gene})
    shown = text_of(await world.member.slash(world.channel, "axie", id=f"#{axie.id}"), 1)
    assert f"Night Steed · {tail.first.class_}" in shown


def text_of(result: Any, embed: int) -> str:
    return words(result.response.embeds[embed])


async def test_an_axie_without_genes_or_past_is_shown_all_the_same(world: World) -> None:
    axie = make_axie(genes="0xnonsense")
    world.market.details[axie.id] = AxieDetail(axie, None)
    result = await world.member.slash(world.channel, "axie", id=str(axie.id))
    (worth,) = result.response.embeds
    assert "Not for sale" in words(worth)


async def test_where_the_marketplace_tells_no_sales_the_bots_own_are_shown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    axie = make_axie()
    world.market.details[axie.id] = AxieDetail(axie, None)
    await world.services.trends.record_sales([Sold(sale(world, axie, 30), 7.77, None)])

    async def failing(*_: Any) -> None:
        raise MarketUnavailable("503")

    monkeypatch.setattr(world.market, "sales_of", failing)
    assert "$7.77" in text_of(await world.member.slash(world.channel, "axie", id=str(axie.id)), 1)


@pytest.mark.parametrize(("axie", "said"), [("77", "knows no adult axie"), ("Puff", "no axie's number")])
async def test_an_axie_that_cannot_be_found_is_a_sentence(world: World, axie: str, said: str) -> None:
    result = await world.member.slash(world.channel, "axie", id=axie)
    assert result.ephemeral
    assert said in text(result)


async def test_predict_is_another_name_of_the_same_page(world: World, genes: str) -> None:
    axie = make_axie(genes=genes)
    world.market.details[axie.id] = AxieDetail(axie, None)
    one = await world.member.slash(world.channel, "predict", axie_id=str(axie.id))
    other = await world.member.slash(world.channel, "axie", id=str(axie.id))
    assert [words(embed) for embed in one.response.embeds] == [words(e) for e in other.response.embeds]


@pytest.mark.parametrize(("command", "option"), [("axie", "id"), ("predict", "axie_id")])
async def test_an_axies_number_is_completed_by_either_name(world: World, command: str, option: str) -> None:
    (listing, _) = await world.signal(axie=make_axie())
    number = str(listing.axie.id)
    found = await world.member.autocomplete(world.channel, command, option, number[:6])
    assert number in [choice["value"] for choice in found]
