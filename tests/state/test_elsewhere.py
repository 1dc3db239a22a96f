"""Trainings as tasks of a simulated ECS, whose tasks are real processes of `axieflip train`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from moto.moto_api import state_manager

from bot.db import Database
from bot.services import elsewhere
from bot.services.audit import Audit
from bot.services.elsewhere import EcsTask, Log, train_on_ecs
from bot.services.predictor import Predictor
from bot.services.retraining import Retraining
from bot.services.runs import Runs
from pipeline.birth import Order, Progress, Result
from pipeline.clock import SystemClock
from pipeline.objects import S3Store
from tests.e2e.processes import environment, until
from tests.state.conftest import BUCKET
from tests.state.fargate import Fargate

KEY = "a-signing-key-of-enough-characters"


@pytest.fixture
def cluster(tmp_path: Path) -> str:
    return tmp_path.name[:60]


@pytest.fixture
def ecs(cluster: str, aws: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)
    monkeypatch.setattr(elsewhere, "LOOK_EVERY_S", 0.1)
    client = boto3.client("ecs")
    client.create_cluster(clusterName=cluster)
    client.register_task_definition(
        family="trainer",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="1024",
        memory="2048",
        containerDefinitions=[{"name": "trainer", "image": "axieflip", "memory": 2048}],
    )
    return client


@pytest.fixture
def lasting() -> Iterator[None]:
    """Left to itself, moto lets a task come nearer its end with each look at it."""
    state_manager.set_transition("ecs::task", {"progression": "manual", "times": 1_000_000})
    yield
    state_manager.unset_transition("ecs::task")


@pytest.fixture
def place(ecs: Any, cluster: str) -> EcsTask:
    subnet = boto3.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    return EcsTask.parse(f"ecs://{cluster}/trainer?days=7&subnets={subnet}")


@pytest.fixture
def store(aws: str, tmp_path: Path) -> S3Store:
    return S3Store(BUCKET, tmp_path.name, aws)


@pytest.fixture
def fargate(ecs: Any, cluster: str, aws: str, tmp_path: Path) -> Fargate:
    place = {"OBJECT_STORE": f"s3://{BUCKET}/{tmp_path.name}", "S3_ENDPOINT_URL": aws}
    return Fargate(ecs, environment(place | {"MODEL_SIGNING_KEY": KEY}), tmp_path, cluster)


@pytest.mark.usefixtures("lasting")
async def test_a_training_runs_as_a_task_its_progress_is_read_and_its_end_is_the_trainers_own(
    place: EcsTask, store: S3Store, fargate: Fargate
) -> None:
    seen: list[Progress] = []
    async with fargate.running():
        result = await asyncio.wait_for(train_on_ecs(place, store, seen.append), 90)
    assert result.error is not None
    assert (
        "there are no sales to learn from" in result.error
    )  # the store is empty, which only the trainer knows
    assert seen
    assert seen[-1].fraction > 0
    [command] = fargate.commands
    assert command[:2] == ["train", "--run"]
    assert command[3:] == ["--days", "7"]


async def test_a_cancelled_training_stops_its_task(
    database_url: str, place: EcsTask, store: S3Store, fargate: Fargate, tmp_path: Path
) -> None:
    async with Database.open(database_url) as db:
        order = Order("file:unused", KEY, SystemClock().now())
        training = Retraining(
            Runs(db),
            cast(Predictor, SimpleNamespace(card=None)),
            Audit(db),
            lambda: order,
            birth=lambda _, tell: train_on_ecs(place, store, tell),
        )
        begun = await training.start(7)

        async def there() -> bool:
            return bool(await asyncio.to_thread(fargate.tasks))

        await until("the task is there", there)
        await training.cancel(begun.id, "ann")
        assert (await training.wait(begun.id)).state == "cancelled"
    listed = await asyncio.to_thread(fargate.tasks, "STOPPED")
    assert [task["stoppedReason"] for task in listed] == ["cancelled"]


async def test_a_task_that_stops_without_a_result_says_why(
    place: EcsTask, store: S3Store, fargate: Fargate, ecs: Any, cluster: str
) -> None:
    training = asyncio.create_task(train_on_ecs(place, store, lambda _: None))

    async def there() -> list[dict[str, Any]]:
        return await asyncio.to_thread(fargate.tasks)

    [task] = await until("the task is there", there)
    ecs.stop_task(cluster=cluster, task=task["taskArn"], reason="its host is gone")
    assert (await asyncio.wait_for(training, 20)).error == "the ECS task stopped early: its host is gone"


async def test_a_task_that_cannot_be_started_is_a_sentence(ecs: Any, cluster: str, store: S3Store) -> None:
    result = await train_on_ecs(EcsTask(cluster, "no-such-definition"), store, lambda _: None)
    assert result.error is not None
    assert result.error.startswith("the ECS task could not be started: ")


def test_the_last_message_of_each_kind_is_kept(store: S3Store) -> None:
    log = Log(store, "a1")
    assert log.read("result") is None
    log.write(Progress("replaying", 0.2))
    log.write(Progress("calibrating", 0.7))
    log.write(Result(version="v1", promoted=True))
    assert log.read("progress") == Progress("calibrating", 0.7)
    assert log.read("result") == Result(version="v1", promoted=True)


@pytest.mark.parametrize(
    "url",
    [
        "ecs://flips",
        "ecs:///trainer",
        "ecs://flips/trainer?subnet=a",
        "ecs://flips/trainer?public_ip=1",
        "ecs://flips/trainer?days=many",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"must look like|does not know|number of days"):
        EcsTask.parse(url)
