"""Trainers of the stack while its bot runs: one by schedule, one that `/model retrain` begins."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.discord import spawn
from tests.deploy.aws import Aws, Stack, served
from tests.e2e.parts import API_KEY, bot, command, market, retrained
from tests.e2e.processes import environment, finished, until
from tests.state.fargate import Fargate

TAKEN_ON_S = 30.0


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    """One of its own: what is trained here changes the stack, and how tasks end is changed for all."""
    with served() as found:
        yield found


@pytest.fixture(scope="module")
def stack(aws: Aws) -> Stack:
    return Stack(aws)


def lasting(aws: Aws) -> None:
    """Left to itself, moto lets a task come nearer its end with each look at it."""
    told = {"model_name": "ecs::task", "transition": {"progression": "manual", "times": 1_000_000}}
    request = urllib.request.Request(
        f"{aws.url}/moto-api/state-manager/set-transition",
        json.dumps(told).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request).close()


@pytest.mark.cloud
async def test_the_running_bot_takes_on_what_a_task_promotes_and_starts_one_itself(
    aws: Aws, stack: Stack, tmp_path: Path
) -> None:
    lasting(aws)
    ecs = aws.client("ecs")
    cluster = stack.outputs["ClusterName"]
    async with market(history_days=0.6) as bazaar, spawn() as discord:
        told = stack.tasks(API_KEY, bazaar.url, discord.info)
        told["bot"] |= {"DISCORD_GUILD_ID": str(discord.info["guild_id"]), "REPLICA_URL": ""}
        collected = await finished(
            "collect", "--history-days", "0.6", cwd=tmp_path, env=environment(told["collector"])
        )
        assert collected.code == 0, collected.err
        tasks = tmp_path / "tasks"
        tasks.mkdir()
        fargate = Fargate(ecs, environment(told["trainer"]), tasks, cluster)
        # Policies are not enforced: the simulation does not know on what resource a RunTask is.
        async with bot(tmp_path, told["bot"]) as serving, fargate.running():
            await discord.wait(sessions=1, command="model")
            assert not await serving.ready()
            ecs.run_task(
                cluster=cluster,
                taskDefinition=f"{stack.name}-trainer",
                launchType="FARGATE",
                networkConfiguration={
                    "awsvpcConfiguration": {
                        "subnets": stack.outputs["Subnets"].split(","),
                        "securityGroups": [stack.outputs["TasksSecurityGroup"]],
                    }
                },
            )

            async def begun() -> bool:
                return bool(fargate.processes)

            await until("the task is carried out", begun)
            trained = await fargate.processes[0].ended(300)
            assert trained.code == 0, trained.err
            since = time.monotonic()
            await until("the bot serves what was promoted", serving.ready, TAKEN_ON_S)
            print(f"taken on {time.monotonic() - since:.1f} s after the trainer's end")
            status = await command(discord, "model status")
            assert "Model 20" in status

            said = await retrained(discord, 300)
            assert "Training finished" in said, said
            # Whether the bot has collected meanwhile decides which of the two it is.
            judged = "against the champion's" in said
            assert judged or "sales are newer than what the champion has learnt from" in said, said
            assert [command[1] for command in fargate.commands] == ["--days", "--run"]
            assert fargate.commands[1][3:] == fargate.commands[0][1:]
            serving.process.send(signal.SIGTERM)
            assert (await serving.process.ended(30)).code == 0
