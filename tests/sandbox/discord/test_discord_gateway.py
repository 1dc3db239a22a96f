"""The gateway as a bare WebSocket client sees it."""

import asyncio
import json
import zlib
from contextlib import asynccontextmanager

import aiohttp
import pytest
import zstandard

from sandbox.discord import spawn

pytestmark = pytest.mark.asyncio(loop_scope="session")
GUILDS = 1 << 0
GUILD_MESSAGES = 1 << 9


class Client:
    """Reads frames of one connection, whatever their compression."""

    def __init__(self, socket, decompress):
        self.socket = socket
        self._decompress = decompress

    async def frame(self):
        message = await asyncio.wait_for(self.socket.receive(), 5)
        if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED):
            return {"closed": self.socket.close_code}
        data = message.data
        return json.loads(data if isinstance(data, str) else self._decompress(data))

    async def until(self, event):
        while True:
            frame = await self.frame()
            if frame.get("t") == event or "closed" in frame:
                return frame

    async def send(self, op, **data):
        await self.socket.send_json({"op": op, "d": data})

    async def identify(self, world, intents=GUILDS | GUILD_MESSAGES, **fields):
        await self.send(2, **{"token": world.info["token"], "intents": intents, "properties": {}, **fields})
        return (await self.until("READY"))["d"]


@asynccontextmanager
async def connected(world, compress=None):
    decompress = {
        None: None,
        "zlib-stream": zlib.decompressobj().decompress,
        "zstd-stream": zstandard.ZstdDecompressor().decompressobj().decompress,
    }[compress]
    query = {"v": "10", "encoding": "json"} | ({"compress": compress} if compress else {})
    url = world.info["gateway"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url, params=query) as socket:
        client = Client(socket, decompress)
        assert (await client.frame())["op"] == 10
        yield client


@pytest.mark.parametrize("compress", [None, "zlib-stream", "zstd-stream"])
async def test_identifying_gives_ready_and_the_guild_in_the_compression_asked_for(world, compress):
    async with connected(world, compress) as client:
        ready = await client.identify(world)
        guild = (await client.until("GUILD_CREATE"))["d"]
    assert ready["application"]["id"] == str(world.info["application_id"])
    assert [item["unavailable"] for item in ready["guilds"]] == [True]
    assert {"buy-signals", "general"} <= {channel["name"] for channel in guild["channels"]}
    assert [member["user"]["id"] for member in guild["members"]] == [str(world.info["bot_user_id"])]


async def test_a_heartbeat_is_acknowledged(world):
    async with connected(world) as client:
        await client.socket.send_json({"op": 1, "d": None})
        assert (await client.frame())["op"] == 11


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"op": 2, "d": {"token": "wrong", "intents": 0}}, 4004),
        ({"op": 2, "d": {"intents": 0}}, 4002),
        ({"op": 3, "d": {}}, 4003),
        ({"op": 99, "d": {}}, 4001),
        ([], 4002),
    ],
)
async def test_a_client_that_misbehaves_is_closed_with_discords_code(world, sent, code):
    async with connected(world) as client:
        await client.socket.send_json(sent)
        assert await client.frame() == {"closed": code}


async def test_an_impossible_shard_is_refused(world):
    async with connected(world) as client:
        await client.send(2, token=world.info["token"], intents=0, shard=[2, 2])
        assert await client.frame() == {"closed": 4010}


async def test_messages_of_a_guild_go_to_its_shard_only(world):
    owner = (world.info["guild_id"] >> 22) % 2
    async with connected(world) as first, connected(world) as second:
        clients = [first, second]
        for shard, client in enumerate(clients):
            ready = await client.identify(world, shard=[shard, 2])
            assert len(ready["guilds"]) == (shard == owner)
        posted = await world.post("message", user="member", channel="general", content="hello")
        assert (await clients[owner].until("MESSAGE_CREATE"))["d"]["id"] == str(posted["id"])
        await clients[1 - owner].socket.send_json({"op": 1, "d": None})
        assert (await clients[1 - owner].frame())["op"] == 11


async def test_what_was_missed_is_replayed_in_order_after_a_resume(world):
    async with connected(world) as client:
        ready = await client.identify(world)
        guild = await client.until("GUILD_CREATE")
    sent = [
        await world.post("message", user="member", channel="bare-missed", content=f"missed {n}")
        for n in range(3)
    ]
    async with connected(world) as client:
        await client.send(6, token=world.info["token"], session_id=ready["session_id"], seq=guild["s"])
        frames = [await client.frame() for _ in range(4)]
    assert [frame["d"]["id"] for frame in frames[:3]] == [str(item["id"]) for item in sent]
    assert [frame["s"] - guild["s"] for frame in frames] == [1, 2, 3, 4]
    assert frames[3]["t"] == "RESUMED"


async def test_an_unknown_session_cannot_be_resumed(world):
    async with connected(world) as client:
        await client.send(6, token=world.info["token"], session_id="nobody's", seq=1)
        frame = await client.frame()
    assert (frame["op"], frame["d"]) == (9, False)


async def test_the_content_of_others_is_hidden_without_its_intent(world):
    async with connected(world) as client:
        await client.identify(world)
        await world.post("message", user="member", channel="general", content="not for bots")
        assert (await client.until("MESSAGE_CREATE"))["d"]["content"] == ""


async def test_members_are_sent_in_chunks_on_request(world):
    async with connected(world) as client:
        await client.identify(world)
        await client.send(8, guild_id=str(world.info["guild_id"]), query="mi", limit=5, nonce="k")
        chunk = (await client.until("GUILD_MEMBERS_CHUNK"))["d"]
    assert [member["user"]["username"] for member in chunk["members"]] == ["milo"]
    assert (chunk["chunk_index"], chunk["chunk_count"], chunk["nonce"]) == (0, 1, "k")


async def test_an_unknown_compression_is_refused(world):
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(world.info["gateway"], params={"compress": "lzma"})
    assert refused.value.status == 400


async def test_removing_the_bot_from_the_guild_is_announced():
    async with spawn() as world, connected(world) as client:
        await client.identify(world)
        await client.until("GUILD_CREATE")
        await world.post("guild", remove=True)
        assert (await client.until("GUILD_DELETE"))["d"] == {"id": str(world.info["guild_id"])}
