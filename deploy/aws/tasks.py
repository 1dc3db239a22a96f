"""A command of the image, run once in the stack: with the settings and the role of collector or trainer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from deploy.aws.aws import Aws, DeployError, in_a_sentence

LOOK_EVERY_S = 6
LAST_LINES = 30


class Tasks:
    """One-off tasks of a stack, by its outputs. Every call may raise DeployError."""

    def __init__(self, aws: Aws, outputs: Mapping[str, str], look_every_s: int = LOOK_EVERY_S) -> None:
        self._ecs = aws.client("ecs")
        self._logs = aws.client("logs")
        self._outputs = outputs
        self._look_every_s = look_every_s

    def start(self, which: str, command: Sequence[str] = ()) -> str:
        """Start collector or trainer, with a command of its own if one is given; returns the task's ARN."""
        o = self._outputs
        overrides = {"containerOverrides": [{"name": which, "command": list(command)}]} if command else {}
        with in_a_sentence():
            told = self._ecs.run_task(
                cluster=o["ClusterName"],
                taskDefinition=o[f"{which.capitalize()}TaskDefinition"],
                # Not by Spot: somebody waits for it.
                capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
                networkConfiguration={
                    "awsvpcConfiguration": {
                        "subnets": o["Subnets"].split(","),
                        "securityGroups": [o["TasksSecurityGroup"]],
                        "assignPublicIp": o["PublicIp"],
                    }
                },
                overrides=overrides,
                startedBy="deploy",
            )
        if told.get("failures"):
            raise DeployError(f"The {which} could not be started: {told['failures'][0].get('reason')}.")
        return str(told["tasks"][0]["taskArn"])

    def wait(self, task: str, patience_s: int = 6 * 3600) -> int:
        """Wait for its end; returns its exit code. DeployError where it never ran."""
        cluster = self._outputs["ClusterName"]
        try:
            self._ecs.get_waiter("tasks_stopped").wait(
                cluster=cluster,
                tasks=[task],
                WaiterConfig={
                    "Delay": self._look_every_s,
                    "MaxAttempts": max(1, patience_s // max(1, self._look_every_s)),
                },
            )
            [told] = self._ecs.describe_tasks(cluster=cluster, tasks=[task])["tasks"]
        except (WaiterError, ClientError) as error:
            raise DeployError(f"The task {task} cannot be followed: {error}") from error
        return exit_code(told)

    def last_lines(self, which: str, task: str) -> Iterator[str]:
        """The end of its log; nothing where it wrote none."""
        group = next(name for name in self._outputs["LogGroups"].split(",") if name.endswith(f"/{which}"))
        stream = f"{which}/{which}/{task.rpartition('/')[2]}"
        try:
            told = self._logs.get_log_events(
                logGroupName=group, logStreamName=stream, limit=LAST_LINES, startFromHead=False
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return
            raise DeployError(f"The log {group} cannot be read: {error}") from error
        for event in told["events"]:
            yield event["message"]


def exit_code(task: Mapping[str, Any]) -> int:
    """How a stopped task ended. DeployError where its container never started."""
    code = task["containers"][0].get("exitCode") if task.get("containers") else None
    if code is None:
        raise DeployError(f"The task did not run: {task.get('stoppedReason') or 'no reason is given'}.")
    return int(code)
