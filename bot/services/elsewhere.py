"""A training as a task of Amazon ECS: the bot starts it, follows it in the object store, and can stop it.

The task is `axieflip train --run ID`, which writes its progress and its result under `trainings/ID/`. The
object store is all that the two share; the task has its own settings and secrets from its definition.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import msgspec
import structlog

from pipeline.birth import Message, Progress, Result
from pipeline.objects import ObjectMissing, ObjectStore, StoreError

LOOK_EVERY_S = 3.0
DAYS = re.compile(r"[0-9]{1,4}(\.[0-9]+)?")
log = structlog.get_logger(__name__)


class EcsTask(msgspec.Struct, frozen=True):
    """Where a training runs: `ecs://CLUSTER/DEFINITION?container=…&days=…&subnets=a,b&security_groups=c`.

    `days` are those that are learnt from: what the definition's own command says is replaced by the bot's.
    """

    cluster: str
    definition: str
    container: str = "trainer"
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    public_ip: bool = False
    days: float | None = None

    @classmethod
    def parse(cls, url: str) -> EcsTask:
        """Raises ValueError where it is no such address."""
        parts = urlsplit(url)
        given = {
            name: values[-1]
            for name, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()
        }
        lists = {
            name: tuple(given.pop(name, "").split(","))
            for name in ("subnets", "security_groups")
            if name in given
        }
        public, days = given.pop("public_ip", "no"), given.pop("days", None)
        definition = parts.path.strip("/")
        if parts.scheme != "ecs" or not parts.netloc or not definition or public not in ("yes", "no"):
            raise ValueError("must look like ecs://CLUSTER/TASK-DEFINITION?subnets=a,b&security_groups=c")
        if given.keys() - {"container"}:
            raise ValueError(f"does not know {', '.join(sorted(given.keys() - {'container'}))}")
        if days is not None and not (DAYS.fullmatch(days) and 0.1 <= float(days) <= 3650):
            raise ValueError("must have a number of days from 0.1 to 3650 in days=")
        return cls(
            parts.netloc,
            definition,
            public_ip=public == "yes",
            days=None if days is None else float(days),
            **given,  # type: ignore[arg-type]
            **lists,  # type: ignore[arg-type]
        )

    def request(self, run: str) -> dict[str, Any]:
        """What `RunTask` is asked for."""
        command = ["train", "--run", run]
        if self.days is not None:
            command += ["--days", f"{self.days:g}"]
        overrides = {"containerOverrides": [{"name": self.container, "command": command}]}
        wanted: dict[str, Any] = {
            "cluster": self.cluster,
            "taskDefinition": self.definition,
            "count": 1,
            "launchType": "FARGATE",
            "startedBy": "axieflip",
            "overrides": overrides,
        }
        if self.subnets:
            network = {
                "subnets": list(self.subnets),
                "securityGroups": list(self.security_groups),
                "assignPublicIp": "ENABLED" if self.public_ip else "DISABLED",
            }
            wanted["networkConfiguration"] = {"awsvpcConfiguration": network}
        return wanted


class Log:
    """A training's progress and result in the object store."""

    def __init__(self, store: ObjectStore, run: str) -> None:
        self._store, self._run = store, run

    def write(self, message: Message) -> None:
        """Progress that cannot be written is left out; for a result StoreError is raised."""
        name = "result" if isinstance(message, Result) else "progress"
        try:
            self._store.put(f"trainings/{self._run}/{name}.json", msgspec.json.encode(message))
        except StoreError as error:
            if name == "result":
                raise
            log.warning("the progress could not be written", reason=str(error))

    def read(self, kind: str) -> Message | None:
        """The last message of a kind, `progress` or `result`; None while there is none."""
        try:
            stored = self._store.get(f"trainings/{self._run}/{kind}.json")
            message: Message = msgspec.json.decode(stored, type=Message)
            return message
        except ObjectMissing:
            return None


async def train_on_ecs(task: EcsTask, store: ObjectStore, tell: Callable[[Progress], None]) -> Result:
    """Run a training as a task and return what came of it; cancelling stops the task.

    Never raises for a failure of the training or of AWS: the result says what it was.
    """
    ecs = await asyncio.to_thread(_client)
    run = uuid4().hex
    told = Log(store, run)
    starting = asyncio.ensure_future(asyncio.to_thread(ecs.run_task, **task.request(run)))
    try:
        begun = await asyncio.shield(starting)
    except asyncio.CancelledError:
        begun = (await asyncio.gather(starting, return_exceptions=True))[0]
        if isinstance(begun, dict) and begun["tasks"]:  # it was started all the same
            await _stop(ecs, task.cluster, begun["tasks"][0]["taskArn"])
        raise
    except Exception as error:  # boto3 has no common class for what a service, a network and a setting refuse
        log.exception("the training task could not be started")
        return Result(error=f"the ECS task could not be started: {error}")
    if not begun["tasks"]:
        reasons = ", ".join(each.get("reason", "no reason") for each in begun["failures"])
        return Result(error=f"the ECS task could not be started: {reasons}")
    arn = begun["tasks"][0]["taskArn"]
    try:
        return await _followed(ecs, task.cluster, arn, told, tell)
    except asyncio.CancelledError:
        await _stop(ecs, task.cluster, arn)
        raise


async def _stop(ecs: Any, cluster: str, arn: str) -> None:
    try:
        await asyncio.to_thread(ecs.stop_task, cluster=cluster, task=arn, reason="cancelled")
    except Exception:
        log.exception("the training task could not be stopped", task=arn)


async def _followed(ecs: Any, cluster: str, arn: str, told: Log, tell: Callable[[Progress], None]) -> Result:
    last: Message | None = None
    while True:
        try:
            # Asked for before the result is looked for: a task that has ended has written it.
            found = await asyncio.to_thread(ecs.describe_tasks, cluster=cluster, tasks=[arn])
            progress = await asyncio.to_thread(told.read, "progress")
            if isinstance(progress, Progress) and progress != last:
                tell(progress)
                last = progress
            result = await asyncio.to_thread(told.read, "result")
            if isinstance(result, Result):
                return result
            state = found["tasks"][0] if found["tasks"] else {"lastStatus": "STOPPED"}
            if state["lastStatus"] == "STOPPED":
                return Result(
                    error=f"the ECS task stopped early: {state.get('stoppedReason') or 'it is gone'}"
                )
        except Exception as error:  # one look that fails is made up for by the next
            log.warning("the training task could not be looked at", reason=str(error))
        await asyncio.sleep(LOOK_EVERY_S)


def _client() -> Any:
    import boto3

    return boto3.session.Session().client("ecs")
