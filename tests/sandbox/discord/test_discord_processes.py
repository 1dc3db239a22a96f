"""Processes that die, start again and are told to stop."""

import asyncio
import json
import signal
import sys

import pytest

from sandbox.discord import DiscordConfig, spawn

IDENTIFIERS = (
    "application_id",
    "bot_user_id",
    "guild_id",
    "channels",
    "roles",
    "admin_user_id",
    "member_user_id",
)


async def test_a_bot_killed_outright_and_started_again_identifies_anew_and_a_wrong_token_never_does(
    start_bot,
):
    async with spawn() as world:
        async with start_bot(world) as first:
            await world.wait(sessions=1, channel="buy-signals", messages=1)
            first.kill()
            await first.wait()
        async with start_bot(world), start_bot(world, TOKEN="wrong") as stranger:
            await world.wait(sessions=1, identified=2, channel="buy-signals", messages=2)
            result = await world.post("slash", user="member", channel="general", command="ping")
            _, complaint = await stranger.communicate()
            status = await world.get("status")
    assert result["response"]["content"] == "pong"
    assert (len(status["sessions"]), status["identified"], status["resumed"]) == (1, 2, 0)
    assert stranger.returncode != 0
    assert b"LoginFailure" in complaint


async def start_world():
    pipe = asyncio.subprocess.PIPE
    arguments = ("-m", "sandbox.discord", "--exit-with-parent", "--channels=buy-signals,general")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdin=pipe, stdout=pipe, stderr=pipe
    )
    return process, json.loads(await process.stdout.readline())


async def test_a_world_ends_cleanly_by_signal_and_with_its_parent_and_comes_back_with_the_same_identifiers():
    (first, before), (second, after) = await asyncio.gather(start_world(), start_world())
    for process in (first, second):
        process.send_signal(signal.SIGINT)  # the parent's business, not the world's
    first.send_signal(signal.SIGTERM)
    second.stdin.close()
    for process in (first, second):
        _, complaint = await asyncio.wait_for(process.communicate(), 10)
        assert (process.returncode, complaint) == (0, b"")
    assert [before[key] for key in IDENTIFIERS] == [after[key] for key in IDENTIFIERS]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"channels": ()}, "at least one channel"),
        ({"channels": ("a", "a")}, "must differ"),
        ({"shards": 0}, "shards"),
        ({"heartbeat_interval": 0}, "positive"),
    ],
)
async def test_settings_that_make_no_sense_are_explained(settings, reason):
    with pytest.raises(ValueError, match=reason):
        DiscordConfig(**settings)
