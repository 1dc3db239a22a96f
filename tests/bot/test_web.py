from __future__ import annotations

import gzip
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import aiohttp
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from bot.db import Database
from bot.db.tables import AlertRow
from bot.services import Services
from bot.services.journal import Entry
from bot.services.outbox import Backlog
from bot.services.watchdog import Drift
from bot.waiting import machine_time
from bot.web import BODY_LIMIT, create_app, serve
from pipeline.clock import ManualClock
from pipeline.signal import Filters, Forecast, Prediction, Thresholds
from tests.bot.door import TOKEN, Champion, Market, services_of
from tests.bot.factories import NOON, make_axie, make_forecast, make_listing, make_prediction


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.fixture
def champion() -> Champion:
    return Champion()


@pytest.fixture
def services(db: Database, clock: ManualClock, market: Market, champion: Champion) -> Services:
    return services_of(db, clock, market, champion)


@pytest.fixture
async def http(services: Services) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        serve(create_app(services), "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        yield session


async def asked(http: aiohttp.ClientSession, body: object, **headers: str) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    async with http.post("/v1/predict", data=data, headers=headers) as response:
        assert response.content_type == "application/json"
        return response.status, await response.json()


async def got(http: aiohttp.ClientSession, path: str) -> tuple[int, Any]:
    async with http.get(path) as response:
        return response.status, await response.json()


async def test_the_process_is_alive_while_it_answers(http: aiohttp.ClientSession) -> None:
    assert await got(http, "/healthz") == (200, {"status": "alive"})


async def test_the_bot_is_ready_with_a_model_a_database_and_a_watcher_at_work(
    http: aiohttp.ClientSession, services: Services
) -> None:
    services.stats.polled(NOON, 0, 0, 0)
    status, body = await got(http, "/readyz")
    assert (status, body["ready"]) == (200, True)
    assert body["checks"].keys() == {"model", "database", "watcher"}


async def test_a_bot_that_is_not_ready_says_what_is_missing(
    http: aiohttp.ClientSession, services: Services, champion: Champion
) -> None:
    async def failing() -> set[str]:
        status, body = await got(http, "/readyz")
        assert status == (200 if body["ready"] else 503)
        return {name for name, check in body["checks"].items() if not check["ok"]}

    assert await failing() == {"watcher"}
    services.stats.polled(NOON, 0, 0, 0)
    champion.version = None
    assert await failing() == {"model"}
    champion.version = "v1"
    services.stats.last_poll_at = datetime.now(UTC) - timedelta(seconds=61)
    assert await failing() == {"watcher"}
    services.stats.last_poll_at = datetime.now(UTC) - timedelta(seconds=50)
    assert await failing() == set()


async def test_a_database_that_does_not_answer_makes_it_unready(services: Services) -> None:
    async with Database.open("sqlite+aiosqlite://") as other:
        broken = replace(services, db=other)
    broken.stats.polled(NOON, 0, 0, 0)

    async def no_answer() -> None:
        raise OSError("disk gone")

    broken.db.ping = no_answer  # type: ignore[method-assign]
    async with (
        serve(create_app(broken), "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        status, body = await got(http, "/readyz")
    assert status == 503
    assert [name for name, check in body["checks"].items() if not check["ok"]] == ["database"]


async def test_an_axie_that_is_not_listed_gets_a_forecast(
    http: aiohttp.ClientSession, market: Market
) -> None:
    axie = make_axie()
    market.put(axie)
    status, body = await asked(http, {"axie_id": axie.id})
    assert (status, msgspec.convert(body, Forecast)) == (200, make_forecast(axie_id=axie.id))


async def test_an_axie_that_is_listed_gets_a_prediction(http: aiohttp.ClientSession, market: Market) -> None:
    listing = make_listing()
    market.put(listing.axie, listing)
    status, body = await asked(http, {"axie_id": listing.axie.id})
    assert status == 200
    assert msgspec.convert(body, Prediction).listing_hash == listing.hash


async def test_an_axie_or_a_listing_can_be_sent_along(http: aiohttp.ClientSession) -> None:
    listing = make_listing(base=10**30)
    status, body = await asked(http, {"listing": listing})
    assert (status, msgspec.convert(body, Prediction).listing_hash) == (200, listing.hash)
    status, body = await asked(http, {"axie": listing.axie})
    assert (status, msgspec.convert(body, Forecast).axie_id) == (200, listing.axie.id)


def changed(**fields: Any) -> bytes:
    listing = cast(dict[str, Any], msgspec.to_builtins(make_listing()))
    listing["axie"] |= fields.pop("axie", {})
    return json.dumps({"listing": listing | fields}).encode()


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "cannot be read"),
        (b"{", "cannot be read"),
        (b"[]", "object"),
        (b"\xff", "cannot be read"),
        (b"{}", "exactly one"),
        (b'{"axie_id": null}', "exactly one"),
        (b'{"axie_id": "1"}', "$.axie_id"),
        (b'{"axie_id": 1.5}', "$.axie_id"),
        (b'{"axie_id": 0}', "$.axie_id"),
        (b'{"axie_id": -5}', "$.axie_id"),
        (b'{"axie_id": 99999999999999999999}', "$.axie_id"),
        (b'{"axie_ids": [1]}', "axie_ids"),
        (b'{"axie_id": 1, "more": 2}', "more"),
        (b'{"axie": {"id": 1}}', "$.axie"),
        (changed(base=-1), "$.listing.base"),
        (changed(base=2**256), "$.listing.base"),
        (changed(fee_bps=10_001), "$.listing.fee_bps"),
        (changed(seen_at="2026-06-01T12:00:00"), "$.listing.seen_at"),
        (changed(started_at="yesterday"), "$.listing.started_at"),
        (changed(token="DOGE"), "$.listing.token"),
        (changed(axie={"class_": "Dragon"}), "$.listing.axie.class_"),
        (changed(axie={"parts": []}), "$.listing.axie.parts"),
        (
            changed(axie={"parts": [{"id": "x", "slot": "tail", "class_": "Bug"}] * 6}),
            "$.listing.axie.parts",
        ),
    ],
)
async def test_a_body_that_makes_no_sense_is_refused_with_the_field_named(
    http: aiohttp.ClientSession, body: bytes, named: str
) -> None:
    status, answer = await asked(http, body)
    assert (status, answer.keys()) == (400, {"error"})
    assert named in answer["error"]


async def test_exactly_one_thing_is_asked_for(http: aiohttp.ClientSession) -> None:
    status, body = await asked(http, {"axie_id": 1, "axie": make_axie()})
    assert (status, body) == (400, {"error": "Give exactly one of `axie_id`, `axie` and `listing`."})


async def test_an_unknown_axie_is_not_found(http: aiohttp.ClientSession) -> None:
    assert await asked(http, {"axie_id": 9}) == (404, {"error": "There is no axie 9."})


async def test_what_cannot_answer_now_says_so(
    http: aiohttp.ClientSession, market: Market, champion: Champion
) -> None:
    market.down = True
    status, body = await asked(http, {"axie_id": 9})
    assert (status, "the marketplace answered 502" in body["error"]) == (503, True)
    champion.version = None
    assert await asked(http, {"axie": make_axie()}) == (503, {"error": "no model has been trained yet"})


async def test_a_fault_is_not_explained_to_strangers(
    http: aiohttp.ClientSession, champion: Champion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(champion, "forecast", lambda _: 1 / 0)
    status, body = await asked(http, {"axie": make_axie()})
    assert (status, body) == (500, {"error": "A fault in the bot; its log says more."})


async def test_a_body_above_the_limit_is_refused(http: aiohttp.ClientSession) -> None:
    assert (await asked(http, b" " * (BODY_LIMIT - 20) + b'{"axie_id": 9}'))[0] == 404
    status, body = await asked(http, b" " * BODY_LIMIT + b'{"axie_id": 9}')
    assert (status, body) == (413, {"error": "The body is larger than 65536 bytes."})


@pytest.mark.parametrize(
    "body", [b'{"axie_id": 1}', gzip.compress(b'{"axie_id": 1}', mtime=0)], ids=["falsely", "truly"]
)
async def test_a_compressed_body_is_refused_as_such(http: aiohttp.ClientSession, body: bytes) -> None:
    async with http.post("/v1/predict", data=body, headers={"Content-Encoding": "gzip"}) as response:
        assert response.status == 415
        assert "Content-Encoding" in (await response.json())["error"]


async def test_other_addresses_and_methods_are_refused_in_json(http: aiohttp.ClientSession) -> None:
    assert await got(http, "/v2/predict") == (404, {"error": "There is nothing at this address."})
    async with http.get("/v1/predict") as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")
        assert await response.json() == {"error": "This address does not know that method."}


async def test_a_door_with_a_token_opens_to_that_token_only(services: Services, market: Market) -> None:
    market.put(make_axie(id=5))
    settings = services.settings.model_copy(update={"http_token": _secret(TOKEN)})
    async with (
        serve(create_app(replace(services, settings=settings)), "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        question = {"axie_id": 5}
        assert (await asked(http, question, Authorization=f"Bearer {TOKEN}"))[0] == 200
        assert (await asked(http, question, Authorization=f"bearer {TOKEN}"))[0] == 200
        for wrong in (
            "",
            TOKEN,
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN[:-1]}",
            f"Basic {TOKEN}",
            "Bearer ü",
            "Bearer",
        ):
            status, body = await asked(http, question, Authorization=wrong)
            assert status == 401, wrong
            assert TOKEN not in body["error"]
        assert (await asked(http, b"{", Authorization="Bearer wrong"))[0] == 401
        assert (await got(http, "/healthz"))[0] == 200


async def test_the_token_is_compared_in_constant_time(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    original = hmac.compare_digest

    def compare(given: bytes, right: bytes) -> bool:
        compared.append((given, right))
        return original(given, right)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    settings = services.settings.model_copy(update={"http_token": _secret(TOKEN)})
    async with (
        serve(create_app(replace(services, settings=settings)), "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http,
    ):
        await asked(http, {"axie_id": 5}, Authorization="Bearer guess")
    assert compared == [(b"guess", TOKEN.encode())]


async def test_metrics_tell_what_the_services_count(http: aiohttp.ClientSession, services: Services) -> None:
    listing = make_listing()
    watch = await services.watches.add(1, 2, "all", Thresholds(), Filters(), 3)
    await services.journal.record(
        [Entry(listing, make_prediction(listing), (watch,)), Entry(make_listing(), None)]
    )
    services.stats.polled(NOON, 2, 1, 1)
    services.stats.rejected['no "class"'] += 4
    for lag in (30.0, 120.0, 90_000.0):
        services.stats.lag(lag)

    async def job() -> float:
        return 60.0

    services.supervisor.add("listings", job)
    samples = await scraped(http)
    assert samples["axieflip_polls_total", ()] == 1
    assert samples["axieflip_listings_total", ()] == 2
    assert samples["axieflip_rejected_total", ('no "class"',)] == 4
    assert samples["axieflip_alerts", ("pending",)] == 1
    assert samples["axieflip_stored_listings", ()] == 2
    assert samples["axieflip_stored_predictions", ()] == 1
    assert samples["axieflip_database_up", ()] == 1
    assert samples["axieflip_model_info", ("v1",)] == 1
    assert samples["axieflip_task_up", ("listings",)] == 1
    assert samples["axieflip_market_requests_total", ()] == 3
    assert samples["axieflip_market_errors_total", ("MarketUnavailable",)] == 2
    assert samples["axieflip_market_budget_remaining", ("hour",)] == 5000
    assert samples["axieflip_outbox_depth", ("due",)] == 1
    assert samples["axieflip_outbox_oldest_age_seconds", ()] >= 0
    assert samples["axieflip_model_data_age_seconds", ()] == 3600
    assert samples["axieflip_model_data_age_limit_seconds", ()] == 2 * 86400
    assert ("axieflip_model_error_ratio", ("last_day",)) not in samples
    assert samples["axieflip_alert_lag_seconds_bucket", ("0.05",)] == 1
    assert samples["axieflip_alert_lag_seconds_bucket", ("60.0",)] == 2
    assert samples["axieflip_alert_lag_seconds_bucket", ("+Inf",)] == 3
    assert samples["axieflip_alert_lag_seconds_count", ()] == 3
    assert samples["axieflip_alert_lag_seconds_sum", ()] == pytest.approx(90.15)
    assert samples["axieflip_event_loop_tasks", ()] >= 1
    assert samples["process_resident_memory_bytes", ()] > 0


async def test_every_metric_is_in_the_table_of_the_documents_and_nothing_else(
    http: aiohttp.ClientSession, services: Services
) -> None:
    services.stats.rejected["no class"] += 1
    services.stats.drift = Drift(500, 0.12, 0.1, 0.88, 0.9)

    async def job() -> float:
        return 60.0

    services.supervisor.add("listings", job)
    async with http.get("/metrics") as response:
        families = list(text_string_to_metric_families(await response.text()))
    told = {
        (
            family.name + ("_total" if family.type == "counter" else ""),
            family.type,
            frozenset(label for sample in family.samples for label in sample.labels) - {"le"},
        )
        for family in families
        if family.name.startswith("axieflip_")
    }
    # A task has had no good turn yet; nothing else is without a sample here.
    told = {each for each in told if each[0] != "axieflip_task_last_success_timestamp_seconds"}
    table = Path("docs/observability.md").read_text().partition("## Metrics")[2]
    rows = [line.split("|")[1:4] for line in table.splitlines() if line.startswith("| `axieflip_")]
    documented = {
        (name.strip(" `"), kind.strip(), frozenset(labels.replace("`", "").replace(",", " ").split()))
        for name, kind, labels in rows
    }
    rest = documented - told
    assert told <= documented
    assert {name for name, _, _ in rest} == {"axieflip_task_last_success_timestamp_seconds"}


async def test_the_outbox_tells_what_is_due_and_what_is_held(services: Services) -> None:
    assert await services.outbox.backlog() == Backlog()
    listing = make_listing()
    watch = await services.watches.add(1, 2, "all", Thresholds(), Filters(), 3)
    await services.journal.record([Entry(listing, make_prediction(listing), (watch,))])
    async with services.db.session() as session:
        await session.execute(update(AlertRow).values(queued_at=machine_time() - timedelta(seconds=90)))
    backlog = await services.outbox.backlog()
    assert (backlog.due, backlog.held) == (1, 0)
    assert 90 <= backlog.oldest_s < 150
    async with services.db.session() as session:
        await session.execute(update(AlertRow).values(held_until=machine_time() + timedelta(hours=1)))
    assert await services.outbox.backlog() == Backlog(held=1)


async def test_metrics_go_on_without_the_database(
    http: aiohttp.ClientSession, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_answer() -> None:
        raise OSError("disk gone")

    monkeypatch.setattr(services.journal, "counts", no_answer)
    samples = await scraped(http)
    assert samples["axieflip_database_up", ()] == 0
    assert ("axieflip_stored_listings", ()) not in samples


async def test_a_port_that_is_taken_is_an_error_at_once(services: Services) -> None:
    async with serve(create_app(services), "127.0.0.1", 0) as port:
        with pytest.raises(OSError, match="address already in use"):
            async with serve(create_app(services), "127.0.0.1", port):
                pytest.fail("it was opened twice")


async def scraped(http: aiohttp.ClientSession) -> dict[tuple[str, tuple[str, ...]], float]:
    async with http.get("/metrics") as response:
        assert response.status == 200
        families = text_string_to_metric_families(await response.text())
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def _secret(text: str) -> Any:
    from pydantic import SecretStr

    return SecretStr(text)
