"""No secret of the settings is shown in Discord, however a command, a task or a delivery fails."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import pytest

from bot.errors import AxieflipError
from bot.log import configure
from bot.settings import Settings
from pipeline.market.errors import MarketError
from tests.cogs.world import World, text

SECRET = "of-no-known-form-5ad1c0ffee"  # pragma: allowlist secret


@pytest.fixture(params=["json", "console"])
def log(request: pytest.FixtureRequest) -> io.StringIO:
    stream = io.StringIO()
    given: dict[str, Any] = dict.fromkeys(("discord_token", "market_api_key", "model_signing_key"), SECRET)
    configure(Settings(_env_file=None, log_format=request.param, **given), stream)
    return stream


def shown(world: World) -> str:
    """All that the bot has sent to Discord."""
    sent = json.dumps([request.json for request in world.env.http_requests], default=str)
    return sent.replace("\\", "")  # what keeps markup from being markup


@pytest.mark.parametrize("error", [AxieflipError, MarketError, RuntimeError])
async def test_a_command_that_fails_with_it(world: World, log: io.StringIO, error: type[Exception]) -> None:
    world.market.failure = error(f"the server said: your key {SECRET} is wrong")
    answer = text(await world.member.slash(world.channel, "predict", axie_id="1")).replace("\\", "")
    assert "[secret]" in answer or "reference" in answer
    assert SECRET not in shown(world) + log.getvalue()


async def test_a_task_and_a_post_that_fail_with_it(world: World, log: io.StringIO) -> None:
    async def falls() -> float:
        raise RuntimeError(SECRET)

    said = f"Invalid body: {SECRET}"
    where = f"/channels/{world.channel.id}/messages"
    world.env.inject_error("POST", where, status=400, code=50_035, message=said, times=2)  # a greeting too
    await world.signal(await world.watch())
    await world.deliver()  # before anything is supervised: the delivery would be, too
    supervisor = world.services.supervisor
    supervisor.add("listings", falls)
    supervisor.start()
    while not next(each for each in supervisor.statuses() if each.name == "listings").failures:
        await asyncio.sleep(0)
    answer = text(await world.manager.slash(world.channel, "status")).replace("\\", "")
    assert answer.count("[secret]") == 2
    assert SECRET not in shown(world) + log.getvalue()
    await supervisor.stop()
