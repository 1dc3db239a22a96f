"""What Fargate would do with the tasks of a simulated ECS: real processes of `axieflip`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.e2e.processes import Running, axieflip


class Fargate:
    """Does what the service would: starts what tasks are asked to run, and ends what is stopped."""

    def __init__(self, ecs: Any, env: Mapping[str, str], folder: Path, cluster: str) -> None:
        """`env` is the environment of its tasks, which work in a folder."""
        self._ecs, self._env, self._folder, self._cluster = ecs, env, folder, cluster
        self.commands: list[list[str]] = []
        self.processes: list[Running] = []

    def tasks(self, status: str = "RUNNING") -> list[dict[str, Any]]:
        """Those of trainers; a service's are not carried out."""
        arns = self._ecs.list_tasks(cluster=self._cluster, desiredStatus=status)["taskArns"]
        found = self._ecs.describe_tasks(cluster=self._cluster, tasks=arns)["tasks"] if arns else []
        return [task for task in found if "trainer:" in task["taskDefinitionArn"]]

    def _command(self, task: dict[str, Any]) -> list[str]:
        for told in task["overrides"].get("containerOverrides", ()):
            if "command" in told:
                return list(told["command"])
        found = self._ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])
        return list(found["taskDefinition"]["containerDefinitions"][0]["command"])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            task = asyncio.create_task(self._run(stack))
            try:
                yield
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _run(self, stack: AsyncExitStack) -> None:
        begun: set[str] = set()
        while True:
            for task in await asyncio.to_thread(self.tasks):
                if task["taskArn"] not in begun:
                    begun.add(task["taskArn"])
                    command = await asyncio.to_thread(self._command, task)
                    self.commands.append(command)
                    self.processes.append(
                        await stack.enter_async_context(axieflip(*command, cwd=self._folder, env=self._env))
                    )
            await asyncio.sleep(0.05)
