"""The page on which a person watches the channel: it follows by itself, and the remote bot answers it."""

import asyncio
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Page:
    """One open page, spoken to as its own script does."""

    def __init__(self, session, state):
        self._session = session
        self._sequence = 0
        self.state = state
        session.headers["X-Simcord-Context"] = state["context"]["id"]

    async def read(self):
        async with self._session.get("/api/state") as response:
            self.state = await response.json()
        return self.state

    async def until(self, condition):
        """Poll as the page does, until it shows what is waited for."""
        async with asyncio.timeout(10):
            while not condition(await self.read()):
                await asyncio.sleep(0.02)
        return self.state

    async def act(self, kind, **fields):
        self._sequence += 1
        body = {
            "protocol_version": 3,
            "sequence": self._sequence,
            "request_id": f"r{self._sequence}",
            "generation": self.state["context"]["generation"],
            "bot_generation": self.state["botGeneration"],
            "published_revision": self.state["publishedRevision"],
            "kind": kind,
            **fields,
        }
        async with self._session.post("/api/action", json=body) as response:
            return await response.json()

    async def command(self, invocation):
        """What names one command, to be sent along with an action."""
        async with self._session.get("/api/commands") as response:
            entries = {entry["invocation"]: entry for entry in (await response.json())["entries"]}
        entry = entries[invocation]
        return {
            "command_id": entry["commandId"],
            "path": entry["path"],
            "schema_fingerprint": entry["schemaFingerprint"],
        }

    async def asset(self, asset_id):
        async with self._session.get(f"/api/assets/{asset_id}") as response:
            return response.status, response.headers.get("X-Display-Width")


def contents(state):
    return [message["content"] for message in state["messages"].values()]


@pytest_asyncio.fixture(loop_scope="session")
async def page(world, bot):
    parts = urlsplit(world.info["preview"])
    headers = {"X-Simcord-Capability": parts.fragment}
    async with (
        aiohttp.ClientSession(f"http://{parts.netloc}", headers=headers) as session,
        session.post("/api/pages", json={"viewer_id": str(world.info["admin_user_id"])}) as response,
    ):
        yield Page(session, await response.json())


async def test_the_page_opens_on_the_first_channel_with_both_people_as_viewers(world, page):
    assert page.state["channel"]["name"] == "buy-signals"
    assert [viewer["id"] for viewer in page.state["viewers"]] == [
        str(world.info["admin_user_id"]),
        str(world.info["member_user_id"]),
    ]


async def test_a_message_appears_without_anyone_asking_for_it(world, page):
    before = page.state["publishedRevision"]
    await world.post("message", user="member", channel="buy-signals", content="from afar")
    state = await page.until(lambda state: "from afar" in contents(state))
    assert state["publishedRevision"] > before


async def test_the_picture_of_an_embed_is_shown(page):
    def thumbnails(state):
        embeds = [embed for message in state["messages"].values() for embed in message["embeds"]]
        return [embed["thumbnail"] for embed in embeds if embed.get("thumbnail", {}).get("available")]

    state = await page.until(thumbnails)
    assert await page.asset(thumbnails(state)[0]["asset_id"]) == (200, "8")


async def test_a_command_typed_on_the_page_is_answered_by_the_remote_bot_and_its_deferred_answer_follows(
    page,
):
    result = await page.act("run_command", **await page.command("think"), options={"seconds": "0.4"})
    assert (result["rejected"], result["acknowledgement"]) == (False, "deferred")
    await page.until(lambda state: "thought for 0.4 s" in contents(state))


async def test_an_action_meant_for_an_older_snapshot_still_counts_while_messages_arrive(world, page):
    command = await page.command("ping")
    old = page.state["publishedRevision"]
    await world.post("message", user="member", channel="buy-signals", content="meanwhile")
    await page.until(lambda state: "meanwhile" in contents(state))
    page.state["publishedRevision"] = old
    result = await page.act("run_command", **command, options={})
    assert (result["rejected"], result["acknowledgement"]) == (False, "acknowledged")
    await page.until(lambda state: "pong" in contents(state))


async def test_the_changed_scripts_are_served_and_what_is_no_text_is_left_alone(world):
    base = world.info["preview"].split("#")[0]
    async with aiohttp.ClientSession(base) as session:
        async with session.get("/timeline.js") as response:
            assert "clientHeight <= 60 ?" in await response.text()
        async with session.get("/actions.js") as response:
            assert "waiting = null" in await response.text()
        async with session.get("/fonts/noto-sans-latin-v2.015.ttf") as response:
            assert (await response.read())[:4] == b"\0\1\0\0"
