"""The HTTP API as a bare client sees it: authentication, limits, nonces, errors and faults."""

import asyncio

import aiohttp
import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def api(world):
    headers = {"Authorization": f"Bot {world.info['token']}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session, world.info["api"]


async def send(api, channel, **body):
    session, base = api
    async with session.post(f"{base}/channels/{channel}/messages", json=body) as response:
        return response, await response.json()


async def test_requests_without_the_token_are_refused(world, api):
    _, base = api
    wrong = {"Authorization": "Bot wrong"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{base}/users/@me", headers=wrong) as response,
    ):
        assert response.status == 401
        assert (await response.json())["message"] == "401: Unauthorized"


async def test_answers_are_json_exactly_and_say_where_the_gateway_is(world, api):
    session, base = api
    async with session.get(f"{base}/gateway/bot") as response:
        answer = await response.json()
        assert response.headers["Content-Type"] == "application/json"
    assert (answer["url"], answer["shards"]) == (world.info["gateway"], 1)
    assert answer["session_start_limit"]["max_concurrency"] == 1


async def test_a_sixth_message_in_a_channel_must_wait(world, api):
    channel = world.channels["bare-flooded"]
    remaining = []
    for number in range(5):
        response, _ = await send(api, channel, content=f"message {number}")
        remaining.append(response.headers["X-RateLimit-Remaining"])
    refused, answer = await send(api, channel, content="one too many")
    elsewhere, _ = await send(api, world.channels["bare-quiet"], content="another channel")
    assert remaining == ["4", "3", "2", "1", "0"]
    assert (refused.status, elsewhere.status) == (429, 200)
    assert refused.headers["Via"]
    assert 0 < answer["retry_after"] <= 5
    assert not answer["global"]


async def test_a_nonce_is_honoured_once_in_its_channel_and_only_where_it_is_enforced(world, api):
    lossy, quiet = world.channels["bare-lossy"], world.channels["bare-quiet"]
    _, first = await send(api, lossy, content="once", nonce="n-1", enforce_nonce=True)
    _, second = await send(api, lossy, content="twice", nonce="n-1", enforce_nonce=True)
    _, loose = await send(api, lossy, content="again", nonce="n-1")
    _, elsewhere = await send(api, quiet, content="once", nonce="n-1", enforce_nonce=True)
    assert (second["id"], second["content"], second["nonce"]) == (first["id"], "once", "n-1")
    assert len({first["id"], loose["id"], elsewhere["id"]}) == 3


async def test_malformed_messages_are_refused_with_50035(world, api):
    channel = world.channels["general"]
    for body in ({"content": "x" * 2001}, {"content": ""}, {"content": "x", "nonce": "n" * 26}):
        response, answer = await send(api, channel, **body)
        assert (response.status, answer["code"]) == (400, 50035), body


async def test_broken_json_is_refused(world, api):
    session, base = api
    async with session.post(
        f"{base}/channels/1/messages", data=b"{", headers={"Content-Type": "application/json"}
    ) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, 50109)


async def test_what_is_not_simulated_says_so_instead_of_pretending(world, api):
    session, base = api
    async with session.get(f"{base}/guilds/1/onboarding") as response:
        assert response.status == 501


async def test_a_message_that_is_gone_is_unknown(world, api):
    session, base = api
    _, message = await send(api, world.channels["bare-log"], content="short-lived")
    url = f"{base}/channels/{world.channels['bare-log']}/messages/{message['id']}"
    async with session.delete(url) as deleted, session.get(url) as missing:
        assert (deleted.status, missing.status, (await missing.json())["code"]) == (204, 404, 10008)


async def test_every_request_is_logged_with_its_body_and_status(world, api):
    _, message = await send(
        api, world.channels["bare-log"], content="logged", nonce="n-log", enforce_nonce=True
    )
    entries = await world.get(
        "requests", method="POST", path=f"/channels/{world.channels['bare-log']}/messages"
    )
    entry = next(entry for entry in entries if entry["nonce"] == "n-log")
    stored = {item["id"]: item for item in await world.get("messages", channel="bare-log")}
    assert (entry["status"], entry["json"]["content"]) == (200, "logged")
    assert entry["at"] <= stored[int(message["id"])]["created_at"] + 0.01


async def test_faults_strike_as_often_as_they_were_armed(world, api):
    session, base = api
    await world.post("faults", [{"kind": "status", "status": 502, "path": "/users/@me", "times": 2}])
    statuses = []
    for _ in range(3):
        async with session.get(f"{base}/users/@me") as response:
            statuses.append(response.status)
    assert statuses == [502, 502, 200]


async def test_an_outage_refuses_requests_until_faults_are_cleared(world, api):
    session, base = api
    await world.post("faults", kind="outage", on=True)
    async with session.get(f"{base}/users/@me") as response:
        assert response.status == 503
    await world.delete("faults")
    async with session.get(f"{base}/users/@me") as response:
        assert response.status == 200


async def test_a_lost_answer_is_carried_out_all_the_same(world, api):
    await world.post("faults", kind="lost_answer", path=f"/channels/{world.channels['bare-lost']}/messages")
    with pytest.raises(aiohttp.ClientError):
        await send(api, world.channels["bare-lost"], content="did it arrive?")
    assert [message["content"] for message in await world.get("messages", channel="bare-lost")] == [
        "did it arrive?"
    ]


async def test_latency_delays_what_it_matches(world, api):
    session, base = api
    await world.post("faults", kind="latency", ms=120, path="/users/@me", times=1)
    began = asyncio.get_running_loop().time()
    async with session.get(f"{base}/users/@me") as response:
        assert response.status == 200
    assert asyncio.get_running_loop().time() - began >= 0.12
