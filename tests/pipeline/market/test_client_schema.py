"""The client where the marketplace no longer knows what it asks for, or knows it only in part."""

from __future__ import annotations

import pytest
from aiohttp import web
from graphql import build_schema, graphql_sync

from pipeline.market import queries
from pipeline.market.errors import (
    QueryRejected,
)
from tests.pipeline.market.rows import axie_row, axies_data, shared
from tests.pipeline.market.scripted import PAGE, Step, client_of, fails


async def test_a_lost_optional_field_is_named_dropped_at_once_and_never_asked_for_again() -> None:
    lost = fails(
        'Cannot query field "purity" on type "Axie".',
        'Cannot query field "level" on type "AxpInfo".',
        status=400,
    )
    async with client_of(lost, PAGE) as (client, script):
        assert len((await client.newest_listings()).rows) == 1
        assert client.stats.drift == ["Axie.purity", "AxpInfo.level"]
        assert script.slept == [], "there is nothing to wait for"
        await client.standing_listings()
        for body in script.bodies[1:]:
            assert "purity" not in body["query"]
            assert "axpInfo" not in body["query"]
            assert "battleInfo" in body["query"]


async def test_a_lost_required_field_is_an_error_that_names_it() -> None:
    lost = fails(
        'Unknown field "basePrice" on type "Order".', 'Unknown field "purity" on type "Axie".', status=400
    )
    async with client_of(lost) as (client, script):
        with pytest.raises(QueryRejected, match=r"Order\.basePrice.*must be updated") as caught:
            await client.newest_listings()
        assert caught.value.fields == ("Order.basePrice",)
        assert len(script.bodies) == 1


async def test_a_server_that_misses_what_is_no_longer_asked_for_does_not_spin() -> None:
    lost = fails('Unknown field "purity" on type "Axie".', status=400)
    async with client_of(lost) as (client, script):
        with pytest.raises(QueryRejected):
            await client.newest_listings()
        assert len(script.bodies) == 2


async def test_an_error_deep_in_the_data_costs_no_more_than_its_row() -> None:
    value = axies_data(axie_row(1), None, axie_row(3))
    async with client_of(fails("cannot load", path=["axies", "results", 1], value=value)) as (client, _):
        page = await client.newest_listings()
        assert [row.axie.id for row in page.rows] == [1, 3]
        assert client.stats.partial == 1
        assert client.stats.rejected == {"wrong type": 1}


def published(*, introspection: bool, lost: tuple[str, ...]) -> Step:
    """A server that checks queries against the published schema less some lines of it."""
    text = shared("schema.graphql").read_text()
    for line in lost:
        assert f"  {line}\n" in text
        text = text.replace(f"  {line}\n", "")
    schema = build_schema(text)

    async def answer(request: web.Request) -> web.Response:
        body = await request.json()
        if "__schema" in body["query"] and not introspection:
            return web.json_response({"errors": [{"message": "introspection is not allowed"}]}, status=400)
        result = graphql_sync(schema, body["query"], variable_values=body["variables"])
        invalid = [error for error in result.errors or () if error.path is None]
        if invalid:
            return web.json_response({"errors": [{"message": e.message} for e in invalid]}, status=400)
        return web.json_response({"data": result.data or {"nothing": None}})

    return answer


@pytest.mark.parametrize("introspection", [True, False])
async def test_the_check_of_queries_finds_nothing_wrong_with_the_published_schema(
    introspection: bool,
) -> None:
    async with client_of(published(introspection=introspection, lost=())) as (client, _):
        assert await client.check_queries() == []


@pytest.mark.parametrize("introspection", [True, False])
async def test_the_check_of_queries_names_every_field_that_is_gone(introspection: bool) -> None:
    lost = ("purity: Int", "basePrice: BigDecimal!", "slp: ExchangeRateCurrency!")
    async with client_of(published(introspection=introspection, lost=lost)) as (client, _):
        problems = await client.check_queries()
        named = {(problem.query, problem.field, problem.required) for problem in problems}
        asking = [q.name for q in queries.ALL if "purity" in q.document()]
        assert named == {
            *((name, "Axie.purity", False) for name in asking),
            *(
                (name, "Order.basePrice", True)
                for name in ("NewestListings", "StandingListings", "CheapestListings", "AxieDetails")
            ),
            ("Rates", "ExchangeRate.slp", False),
        }
        assert client.stats.drift == [], "a check changes nothing"
        assert all(problem.message for problem in problems)
