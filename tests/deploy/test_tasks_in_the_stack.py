"""The stack's own tasks, carried out: their commands, settings, secrets and roles, held to their policies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from bot.settings import Settings
from tests.deploy.aws import Aws, Stack
from tests.e2e.parts import API_KEY, market
from tests.e2e.processes import environment, finished


@pytest.mark.cloud
async def test_collector_and_trainer_fill_the_bucket_and_the_bot_finds_the_model(
    aws: Aws, stack: Stack, tmp_path: Path
) -> None:
    roles = {
        which: aws.assumed(stack.resources[f"{which.capitalize()}Role"])
        for which in ("bot", "collector", "trainer")
    }
    secrets = aws.client("secretsmanager")
    secrets.put_secret_value(SecretId=stack.outputs["MarketApiKeySecret"], SecretString=API_KEY)
    told = {which: stack.environment(which) | aws.environment(role) for which, role in roles.items()}
    async with market(history_days=0.6) as bazaar:
        # The simulated market counts no requests, and nobody waits for a budget here.
        place = {
            "MARKET_URL": bazaar.url,
            "MARKET_REQUESTS_PER_MINUTE": "100000",
            "MARKET_REQUESTS_PER_HOUR": "1000000",
        }
        with aws.enforcing():
            collected = await finished(
                "collect", "--history-days", "0.6", cwd=tmp_path, env=environment(told["collector"] | place)
            )
            trained = await finished(
                "train", "--jobs", "1", cwd=tmp_path, env=environment(told["trainer"]), within=200
            )
            shown = await finished("model", "show", "--json", cwd=tmp_path, env=environment(told["bot"]))
    assert collected.code == 0, collected.err
    assert "collection done" in _events(collected.err)
    assert trained.code == 0, trained.err
    assert "training done" in _events(trained.err)
    assert shown.code == 0, shown.err
    kept = {key.split("/")[0] for key in _keys(aws, stack)}
    assert {"raw", "models", "reports"} <= kept
    assert json.loads(shown.out)["version"]


def _events(log: str) -> list[str]:
    return [json.loads(line)["event"] for line in log.splitlines()]


def _keys(aws: Aws, stack: Stack) -> list[str]:
    pages = aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=stack.outputs["BucketName"])
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
    assert settings.collect_cron == "off"
    assert settings.log_format == "json"
    assert settings.object_store == stack.outputs["ObjectStore"]
