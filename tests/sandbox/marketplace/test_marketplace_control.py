"""The control desk: time, levers, listings to order, the truth, and pictures."""

import io

import pytest
from PIL import Image

STATUS = "query ($h: String!) { order(hash: $h) { status currentPriceUsd } }"


async def test_time_moves_by_hand_and_exactly(control):
    before = (await control("GET", "clock")).body
    assert before["speed"] == 0
    await control("POST", "advance", seconds=90.5)
    after = (await control("GET", "clock")).body
    assert after["now"] == before["now"] + 90.5


async def test_a_listing_to_order_has_the_traits_and_the_price_that_were_asked_for(ask, control):
    parts = ["back-ronin", "mouth-nut-cracker", "horn-imp", "tail-nut-cracker", "eyes-chubby", "ears-nyan"]
    truth = (
        await control(
            "POST",
            "list",
            askMultiple=0.6,
            token="USDC",
            axie={"class": "Beast", "parts": parts, "breedCount": 3},
        )
    ).body
    assert truth["ask_usd"] == pytest.approx(0.6 * truth["fair_usd"], rel=0.01)
    answer = await ask(
        "query ($i: ID!) { axie(axieId: $i) { class breedCount title parts { id } order { hash } } }",
        i=truth["axie_id"],
    )
    axie = answer.body["data"]["axie"]
    assert (axie["class"], axie["breedCount"]) == ("Beast", 3)
    assert {p["id"] for p in axie["parts"]} == set(parts)


async def test_a_special_part_makes_a_listing_dear(control):
    plain = (await control("POST", "list", axie={"class": "Beast", "parts": ["back-ronin"]})).body
    mystic = (await control("POST", "list", axie={"class": "Beast", "parts": ["back-arcane-ronin"]})).body
    assert mystic["fair_usd"] > 100 * plain["fair_usd"]


async def test_a_bargain_to_order_is_bought_and_an_unbuyable_one_is_not(ask, control):
    gone = (await control("POST", "list", askMultiple=0.4)).body["hash"]
    kept = (await control("POST", "list", askMultiple=0.4, buyable=False)).body["hash"]
    await control("POST", "advance", seconds=7_200)
    assert (await ask(STATUS, h=gone)).body["data"]["order"]["status"] == "Matched"
    assert (await ask(STATUS, h=kept)).body["data"]["order"]["status"] == "Open"
    truth = (await control("GET", f"truth?hash={gone},{kept}&hash=unknown")).body
    assert truth[gone]["closed_at"] > truth[gone]["listed_at"]
    assert truth[kept]["closed_at"] is None
    assert truth["unknown"] is None


async def test_an_auction_to_order_falls_to_its_end(ask, control):
    await control("POST", "economy", buyers=False)
    wish = {"askMultiple": 2.0, "endMultiple": 1.0, "durationSeconds": 1_000}
    truth = (await control("POST", "list", **wish)).body
    await control("POST", "advance", seconds=500)
    half = float((await ask(STATUS, h=truth["hash"])).body["data"]["order"]["currentPriceUsd"])
    await control("POST", "advance", seconds=600)
    end = float((await ask(STATUS, h=truth["hash"])).body["data"]["order"]["currentPriceUsd"])
    assert half == pytest.approx(1.5 * truth["fair_usd"], rel=0.03)
    assert end == pytest.approx(truth["fair_usd"], rel=0.03)


@pytest.mark.parametrize(
    "wish",
    [
        {"askMultiple": 0},
        {"token": "DOGE"},
        {"axieId": "1234567890123"},
        {"axie": {"class": "Dragon"}},
        {"axie": {"parts": ["back-nothing"]}},
        {"axie": {"wings": 2}},
        {"axie": {"breedCount": 300}},
        {"askMultiple": "cheap"},
        {"endMultiple": -1},
        {"price": -5},
        {"colour": "red"},
    ],
)
async def test_an_impossible_listing_is_refused_with_a_reason(control, market, wish):
    orders = len(market.world.economy.orders)
    answer = await control("POST", "list", **wish)
    assert answer.status == 400
    assert answer.body
    assert len(market.world.economy.orders) == orders


async def test_buyers_can_be_sent_home_and_sellers_called_in(control, market):
    await control("POST", "economy", buyers=False, listings=5)
    before = (await control("GET", "stats")).body
    await control("POST", "advance", seconds=1_800)
    after = (await control("GET", "stats")).body
    sold = market.world.economy.sales[before["sales"] :]
    assert not [s for s in sold if s.order.origin != "wash"]
    assert after["orders"] - before["orders"] > 250


async def test_the_speed_can_change_while_running(control):
    await control("POST", "economy", speed=3_600)
    first = (await control("GET", "clock")).body
    second = (await control("GET", "clock")).body
    assert second["speed"] == 3_600
    assert second["now"] > first["now"]


async def test_the_truth_lists_every_order_since_a_moment(ask, control):
    since = (await control("GET", "clock")).body["now"]
    await control("POST", "advance", seconds=3_600)
    truth = (await control("GET", f"truth/listings?since={since}")).body
    assert len(truth) > 100
    assert all(row["listed_at"] >= since for row in truth)
    row = truth[0]
    assert row["fee"] == 0.0425
    assert row["fair_usd"] > 0
    found = await ask("query ($h: String!) { order(hash: $h) { hash } }", h=row["hash"])
    assert found.body["data"]["order"]["hash"] == row["hash"]


async def test_the_picture_of_an_axie_is_a_png_on_a_transparent_ground(ask, http):
    query = "{ axies(auctionType: Sale, size: 20, criteria: {stages: [4]}) { results { id image } } }"
    rows = (await ask(query)).body["data"]["axies"]["results"]
    seen = set()
    for row in rows[:6]:
        async with http.get(row["image"]) as response:
            assert response.content_type == "image/png"
            raw = await response.read()
        image = Image.open(io.BytesIO(raw))
        assert image.size == (320, 320)
        assert image.getpixel((0, 0))[3] == 0
        assert image.getpixel((160, 250))[3] == 255
        seen.add(raw)
    assert len(seen) > 1
    async with http.get(rows[0]["image"].replace(rows[0]["id"], "99999999999")) as response:
        assert response.status == 404
