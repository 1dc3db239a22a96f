"""The habits of the marketplace's API that a client has to live with."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from sandbox.marketplace import MarketConfig
from sandbox.marketplace.economy import UNDATED_FOR
from sandbox.marketplace.orders import AXIE_CONTRACT, TOKENS, Status

AXIE = """fragment A on Axie { id owner genes newGenes birthDate title breedCount class bodyShape stage name
  purity pureness numMystic numJapan numXmas image primaryColor stats { hp speed skill morale }
  parts { id name class type specialGenes stage } axpInfo { level } battleInfo { banned banUntil level }
  order { id hash maker kind status paymentToken basePrice endedPrice startedAt endedAt expiredAt duration
    timeLeft currentPrice suggestedPrice currentPriceUsd marketFeePercentage nonce signature addedAt } }"""
LATEST = (
    """query ($from: Int, $size: Int, $sort: SortBy = Latest, $criteria: AxieSearchCriteria) {
  axies(auctionType: Sale, sort: $sort, from: $from, size: $size, criteria: $criteria) {
    total results { ...A } } }"""
    + AXIE
)
SALES = (
    """query ($last: Int, $size: Int!) {
  tokenActivities(tokenAddress: "CONTRACT", activityTypes: [Sale], lastTimestamp: $last, size: $size) {
    id activityType fromAddress toAddress createdAt txHash
    activityDetails { __typename ... on SaleActivity { maker matcher settlePrice } }
    token { ... on Axie { ...A } } } }""".replace("CONTRACT", AXIE_CONTRACT)
    + AXIE
)


def listed(answer: Any) -> list[Any]:
    return answer.body["data"]["axies"]["results"]


async def test_a_page_holds_at_most_a_hundred_listings_and_the_next_one_goes_on(ask):
    first, second = await ask(LATEST, size=500), await ask(LATEST, **{"from": 100, "size": 100})
    assert len(listed(first)) == len(listed(second)) == 100
    assert not {r["id"] for r in listed(first)} & {r["id"] for r in listed(second)}
    assert first.body["data"]["axies"]["total"] > 1_000


async def test_offsets_beyond_ten_thousand_find_nothing_and_raise_no_error(ask):
    assert (await ask(LATEST, **{"from": 9_950, "size": 100})).body == {
        "data": {"axies": {"total": 0, "results": []}}
    }


async def test_pages_shift_while_one_is_paging(ask, market):
    before = listed(await ask(LATEST, **{"from": 0, "size": 50}))
    market.world.advance(600)
    after = listed(await ask(LATEST, **{"from": 50, "size": 50}))
    assert {r["id"] for r in before} & {r["id"] for r in after}


async def test_latest_is_nearly_but_not_strictly_in_order(ask):
    starts = [r["order"]["startedAt"] for r in listed(await ask(LATEST, size=100)) if r["order"]]
    late = [b - a for a, b in pairwise(starts) if b > a]
    assert late
    assert max(late) < 65


async def test_prices_ascend_in_dollars_across_tokens(ask):
    rows = listed(await ask(LATEST, size=100, sort="PriceAsc"))
    dollars = [float(r["order"]["currentPriceUsd"]) for r in rows if r["order"]]
    assert dollars == sorted(dollars)
    assert len({r["order"]["paymentToken"] for r in rows if r["order"]}) > 1


async def test_criteria_narrow_a_search_down(ask):
    some = next(
        r for r in listed(await ask(LATEST, size=100, criteria={"stages": [4], "classes": ["Beast"]}))
    )
    back = next(p["id"] for p in some["parts"] if p["type"] == "Back")
    criteria = {"classes": ["Beast"], "parts": [back], "breedCount": [some["breedCount"]], "stages": [4]}
    rows = listed(await ask(LATEST, size=100, criteria=criteria))
    assert some["id"] in {r["id"] for r in rows}
    for row in rows:
        assert (row["class"], row["breedCount"]) == ("Beast", some["breedCount"])
        assert back in {p["id"] for p in row["parts"]}


async def test_eggs_have_neither_class_nor_parts(ask):
    eggs = listed(await ask(LATEST, size=100, criteria={"stages": [1]}))
    assert eggs
    for egg in eggs:
        assert (egg["class"], egg["parts"], egg["genes"], egg["title"]) == (None, [], "0x0", None)


async def test_what_does_not_exist_is_null(ask):
    answer = await ask('{ axie(axieId: "99999999999") { id } order(hash: "0xabc") { status } }')
    assert answer.body == {"data": {"axie": None, "order": None}}


async def test_fifty_aliases_are_answered_in_one_request(ask):
    ids = [r["id"] for r in listed(await ask(LATEST, size=50))]
    query = "{" + " ".join(f'a{i}: axie(axieId: "{i}") {{ ...A }}' for i in ids) + "}" + AXIE
    data = (await ask(query)).body["data"]
    assert [data[f"a{i}"]["id"] for i in ids] == ids


@pytest.mark.parametrize("token", [t.symbol for t in TOKENS])
async def test_amounts_are_integers_of_the_smallest_unit_plain_or_scientific(ask, control, token):
    query = "query ($h: String!) { order(hash: $h) { basePrice paymentToken } }"
    seen = set()
    for _ in range(21):
        truth = (await control("POST", "list", token=token, askMultiple=5.0)).body
        order = None
        while order is None:
            order = (await ask(query, h=truth["hash"])).body["data"]["order"]
            await control("POST", "advance", seconds=20)
        seen.add("e+" in order["basePrice"])
        units = Decimal(order["basePrice"])
        kind = next(t for t in TOKENS if t.address == order["paymentToken"])
        rate = (await control("GET", "stats")).body["rates"][token]
        assert units == int(units)
        assert float(units) / 10.0**kind.decimals * rate == pytest.approx(truth["ask_usd"], rel=0.01)
    assert False in seen
    assert (True in seen) == (token != "SLP")  # where the unit is a whole coin few amounts end in zeros


async def test_a_new_order_may_be_unknown_for_some_seconds(ask, market):
    async def orderless() -> set[str]:
        return {r["id"] for r in listed(await ask(LATEST, size=100)) if r["order"] is None}

    missing: set[str] = set()
    for _ in range(60):
        market.world.advance(30)
        missing |= await orderless()
    assert missing
    market.world.advance(30)
    assert not missing & await orderless()


async def test_orders_end_as_matched_cancelled_expired_or_invalid_and_stay_askable(ask, market):
    market.world.advance(3 * 86_400)
    orders = market.world.economy.orders
    assert {o.status for o in orders} >= set(Status) - {Status.BANNED}
    for status in Status:
        for order in [o for o in orders if o.status is status][:3]:
            answer = await ask("query ($h: String!) { order(hash: $h) { status hash } }", h=order.hash)
            assert answer.body["data"]["order"] == {"status": status.value, "hash": order.hash}


async def test_the_sale_feed_is_an_inclusive_cursor_that_lacks_some_sales(ask, market):
    seen: dict[int, int] = {}
    rows = 0
    last = None
    while True:
        page = (await ask(SALES, size=50, last=last)).body["data"]["tokenActivities"]
        times = [a["createdAt"] for a in page]
        assert times == sorted(times, reverse=True)
        fresh = [a for a in page if a["id"] not in seen]
        if not fresh:
            break
        rows += len(page)
        seen |= {a["id"]: a["createdAt"] for a in fresh}
        last = times[-1]
    sales = market.world.economy.sales
    assert rows > len(seen)  # seconds at the border of two pages came twice
    assert 0.75 < len(seen) / len(sales) < 0.93
    assert min(seen.values()) < sales[0].at + 600


async def test_the_feed_is_never_longer_than_fifty_and_tells_no_token(ask):
    page = (await ask(SALES, size=5_000)).body["data"]["tokenActivities"]
    assert len(page) == 50
    assert set(page[0]["activityDetails"]) == {"__typename", "maker", "matcher", "settlePrice"}


async def test_settled_auctions_hold_the_last_hundred_and_some_are_undated_for_a_while(ask, market):
    query = """query ($from: Int) { settledAuctions { axies(from: $from, size: 100) { total results {
        id transferHistory(from: 0, size: 1) { results { timestamp withPrice withPriceUsd txHash } }
      } } } }"""

    async def newest() -> dict[str, dict[str, Any]]:
        rows: list[Any] = []
        for start in range(0, 120, 20):
            found = (await ask(query, **{"from": start})).body["data"]["settledAuctions"]["axies"]
            assert found["total"] == 100
            rows += found["results"]
        assert len(rows) == 100
        return {t["txHash"]: t for r in rows for t in r["transferHistory"]["results"]}

    market.world.set_demand(0)
    before = await newest()
    fresh = market.world.economy.now - UNDATED_FOR
    undated = {tx for tx, t in before.items() if t["timestamp"] == 0}
    assert undated
    eth = (await ask("{ exchangeRate { eth { usd } } }")).body["data"]["exchangeRate"]["eth"]["usd"]
    some = next(iter(before.values()))
    assert float(some["withPriceUsd"]) == pytest.approx(int(some["withPrice"]) / 1e18 * eth, rel=1e-4)
    market.world.advance(UNDATED_FOR)
    after = await newest()
    assert all(after[tx]["timestamp"] > fresh for tx in undated & set(after))


async def test_an_axie_is_shown_as_it_is_now_not_as_it_was_sold(ask, market):
    economy = market.world.economy
    sale = next(s for s in economy.sales if s.shown and not economy.population.columns["egg"][s.order.row])
    query = "query ($i: ID!) { axie(axieId: $i) { breedCount axpInfo { level } } }"
    axie_id = str(economy.population.columns["id"][sale.order.row])
    was = (await ask(query, i=axie_id)).body["data"]["axie"]
    for _ in range(20):
        economy._grow(sale.order.row)
    now = (await ask(query, i=axie_id)).body["data"]["axie"]
    assert now["axpInfo"]["level"] > was["axpInfo"]["level"]
    assert now["breedCount"] == 7


async def test_an_unknown_field_is_named_and_a_bad_document_is_refused(ask):
    wrong = await ask("{ axies { results { id fairValue } } }")
    assert wrong.body["data"] is None
    assert wrong.body["errors"][0]["message"].startswith("Cannot query field 'fairValue' on type 'Axie'.")
    assert (await ask("{ axies(")).status == 400
    typed = await ask(LATEST, size="many")
    assert "errors" in typed.body


async def test_another_path_has_no_route(market, http):
    async with http.post(market.url + "s", json={}) as response:
        assert response.status == 404
        assert await response.json() == {"message": "no Route matched with those values"}


async def test_introspection_answers(ask):
    answer = await ask('{ __type(name: "Order") { fields { name } } }')
    assert {"hash", "status"} <= {f["name"] for f in answer.body["data"]["__type"]["fields"]}


class TestKeysAndQuotas:
    @pytest.fixture
    def config(self) -> MarketConfig:
        return MarketConfig(speed=0, history_days=0.02, book=50, api_key="sesame", per_minute=5, per_hour=8)

    async def test_a_missing_key_is_401_and_a_wrong_one_403(self, ask):
        assert (await ask("{ exchangeRate { eth { usd } } }"))[:2] == (
            401,
            {"message": "No API key found in request"},
        )
        wrong = await ask("{ exchangeRate { eth { usd } } }", headers={"X-API-Key": "open"})
        assert wrong.status == 403
        assert set(wrong.body) == {"message"}

    async def test_the_quota_runs_out_and_is_renewed_with_the_market_s_minute(self, ask, market):
        async def knock() -> Any:
            return await ask("{ exchangeRate { eth { usd } } }", headers={"X-API-Key": "sesame"})

        left = [int((await knock()).headers["x-ratelimit-remaining-minute"]) for _ in range(5)]
        assert left == [4, 3, 2, 1, 0]
        refused = await knock()
        assert refused[:2] == (429, {"message": "API rate limit exceeded"})
        market.world.advance(int(refused.headers["ratelimit-reset"]))
        assert [(await knock()).status for _ in range(4)] == [
            200,
            200,
            200,
            429,
        ]  # now the hour's eight are used


async def test_the_truth_is_out_of_reach_of_queries(ask):
    answer = await ask("{ __schema { types { name fields { name } } } }")
    names = {f["name"].lower() for t in answer.body["data"]["__schema"]["types"] for f in t["fields"] or ()}
    assert not any("fair" in n or "quality" in n or "true" in n for n in names)


async def test_a_sped_up_market_renews_its_quota_sooner():
    from sandbox.marketplace.clock import MarketClock
    from sandbox.marketplace.limits import Quota

    config = replace(MarketConfig(), per_minute=1)
    slow, fast = MarketClock(0.0, 0), MarketClock(0.0, 60)
    waits = []
    for clock in (slow, fast):
        quota = Quota(config, clock)
        assert quota.take()[0]
        allowed, headers = quota.take()
        assert not allowed
        waits.append(int(headers["ratelimit-reset"]))
    assert waits == [60, 1]
