"""The stack's own tasks, carried out: their commands, settings, secrets and roles, held to their policies."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bot.settings import Settings
from sandbox.discord import spawn
from tests.deploy.aws import Aws, Stack
from tests.e2e.parts import API_KEY, bot, market
from tests.e2e.processes import environment, finished, until


@pytest.mark.cloud
async def test_collector_trainer_and_bot_do_their_work_with_no_more_than_their_own_rights(
    aws: Aws, stack: Stack, tmp_path: Path
) -> None:
    bucket = stack.outputs["BucketName"]
    async with market(history_days=0.6) as bazaar, spawn() as discord:
        told = stack.tasks(API_KEY, bazaar.url, discord.info)
        with aws.enforcing():
            collected = await finished(
                "collect", "--history-days", "0.6", cwd=tmp_path, env=environment(told["collector"])
            )
            assert collected.code == 0, collected.err
            assert "collection done" in _events(collected.err)
            trained = await finished(
                "train", "--jobs", "1", cwd=tmp_path, env=environment(told["trainer"]), within=300
            )
            assert trained.code == 0, trained.err
            assert "training done" in _events(trained.err)
            async with bot(tmp_path, told["bot"]) as serving:
                await serving.process.said('"pulse"', 60)
                await until("the bot is ready", serving.ready, 60)
                line = next(each for each in _lines(serving.process.err) if each["event"] == "pulse")
                serving.process.send(signal.SIGTERM)
                assert (await serving.process.ended(30)).code == 0
            shutil.rmtree(tmp_path / "data")  # as the disk goes with its task
            async with bot(tmp_path, told["bot"]) as successor:
                await successor.process.said("the database was restored", 60)
    assert line["model"]
    assert {"raw", "models", "reports", "replica"} <= {key.split("/")[0] for key in _keys(aws, bucket)}


def _lines(log: str) -> list[dict[str, Any]]:
    """Every line, for with LOG_FORMAT=json each is an object."""
    return [json.loads(line) for line in log.splitlines()]


def _events(log: str) -> list[str]:
    return [each["event"] for each in _lines(log)]


def _keys(aws: Aws, bucket: str) -> list[str]:
    pages = aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [each["Key"] for page in pages for each in page.get("Contents", ())]


@pytest.mark.parametrize(
    ("which", "refused"),
    [
        ("bot", ["raw/sales/coverage.json", "models/v1/signature", "reports/r/report.json"]),
        ("collector", ["models/champion.json", "reports/r/report.json"]),
        ("trainer", ["raw/sales/coverage.json", "side/t/x"]),
    ],
)
def test_no_task_writes_what_is_not_its_own(aws: Aws, stack: Stack, which: str, refused: list[str]) -> None:
    s3 = aws.client("s3", **aws.assumed(stack.resources[f"{which.capitalize()}Role"]))
    bucket = stack.outputs["BucketName"]
    for key in refused:
        with aws.enforcing(), pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(Bucket=bucket, Key=key, Body=b"")


def test_the_bot_leaves_collecting_to_the_collector(stack: Stack) -> None:
    told = {name.lower(): value for name, value in stack.environment("bot").items() if value}
    settings = Settings(_env_file=None, **told)
    assert settings.collect_cron == settings.train_cron == "off"
    assert settings.log_format == "json"
    assert settings.object_store == stack.outputs["ObjectStore"]
