"""Faults that can be switched on and off while the market runs."""

import time

import aiohttp
import pytest

RATES = "{ exchangeRate { eth { usd } } }"
ROWS = """{ axies(auctionType: Sale, size: 100) {
  results { id class breedCount order { basePrice paymentToken } } } }"""


@pytest.mark.parametrize(
    ("fault", "status", "tells"),
    [
        ({"name": "rate-limit", "reset": 3}, 429, "API rate limit exceeded"),
        ({"name": "server-error", "status": 503}, 503, "message"),
        ({"name": "upstream-error"}, 200, "502: Bad Gateway"),
        ({"name": "html-403"}, 403, "Just a moment"),
    ],
)
async def test_a_fault_shows_until_it_is_cleared(ask, control, fault, status, tells):
    assert (await control("POST", "faults", **fault)).status == 200
    answer = await ask(RATES)
    assert answer.status == status
    assert tells in str(answer.body)
    assert (await control("GET", "faults")).body[0]["struck"] == 1
    assert (await control("DELETE", f"faults?name={fault['name']}")).body == {"cleared": 1}
    assert (await ask(RATES)).body["data"]["exchangeRate"]


async def test_a_storm_of_429_says_when_to_come_back(ask, control):
    await control("POST", "faults", name="rate-limit", reset=7)
    assert (await ask(RATES)).headers["ratelimit-reset"] == "7"


async def test_a_fault_may_strike_a_few_times_only(ask, control):
    await control("POST", "faults", name="server-error", times=2)
    assert [(await ask(RATES)).status for _ in range(4)] == [502, 502, 200, 200]


async def test_a_rate_hits_that_share_of_requests(ask, control):
    await control("POST", "faults", name="server-error", rate=0.5)
    failed = [(await ask(RATES)).status for _ in range(80)].count(502)
    assert 20 < failed < 60


async def test_a_slow_answer_comes_late(ask, control):
    await control("POST", "faults", name="slow", seconds=0.2)
    start = time.monotonic()
    assert (await ask(RATES)).status == 200
    assert time.monotonic() - start >= 0.2


async def test_a_cut_connection_is_an_error_of_the_client(ask, control):
    await control("POST", "faults", name="reset", times=1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask(RATES)
    assert (await ask(RATES)).status == 200


async def test_malformed_rows_stand_among_good_ones(ask, control):
    good = (await ask(ROWS)).body["data"]["axies"]["results"]
    await control("POST", "faults", name="malformed-rows", rate=0.3)
    spoiled = (await ask(ROWS)).body["data"]["axies"]["results"]
    bad = [b for a, b in zip(good, spoiled, strict=True) if a != b]
    assert 15 < len(bad) < 45
    assert any(isinstance(b, str) for b in bad)
    assert any(isinstance(b, dict) and "-" in str((b.get("order") or {}).get("basePrice")) for b in bad)
    await control("DELETE", "faults")
    assert (await ask(ROWS)).body["data"]["axies"]["results"] == good


async def test_a_field_vanishes_from_the_schema_and_comes_back(ask, control):
    query = "{ axies(auctionType: Sale, size: 1) { results { id purity } } }"
    await control("POST", "faults", name="vanished-field", type="Axie", field="purity")
    await control("POST", "faults", name="vanished-field", type="Order", field="addedAt")
    answer = await ask(query)
    assert answer.body["errors"][0]["message"].startswith("Cannot query field 'purity' on type 'Axie'.")
    shown = (await ask('{ __type(name: "Order") { fields { name } } }')).body["data"]["__type"]["fields"]
    assert {"name": "addedAt"} not in shown
    assert (await control("DELETE", "faults")).body == {"cleared": 2}
    assert (await ask(query)).body["data"]["axies"]["results"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "earthquake"},
        {"name": "slow", "rate": 2},
        {"name": "slow", "colour": 1},
        {"name": "vanished-field", "field": "unicorn"},
    ],
)
async def test_a_wrong_fault_is_refused_with_a_reason(control, wrong):
    answer = await control("POST", "faults", **wrong)
    assert answer.status == 400
    assert answer.body
    assert (await control("GET", "faults")).body == []
