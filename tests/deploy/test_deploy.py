"""`python -m deploy.aws` against an AWS on loopback: a stack made, changed, run, taken down and made anew."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from deploy.aws.aws import Aws as Cloud
from deploy.aws.aws import DeployError
from deploy.aws.stack import Stack as DeployedStack
from deploy.aws.stack import first_failure
from deploy.aws.tasks import Tasks, exit_code
from tests.deploy.aws import REGION, REPOSITORY, ROOT, Aws, Stack, served

TOKEN, API_KEY, SIGNING_KEY = "token-" + "d" * 30, "api-key-" + "k" * 30, "signing-key-" + "s" * 30
GIVEN = {"DISCORD_TOKEN": TOKEN, "MARKET_API_KEY": API_KEY}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Aws]:
    with served() as found:
        yield found


def command(cloud: Aws, *arguments: str, code: int = 0, **environment: str) -> str:
    """What the command said; it must end with the code, and show no secret and no traceback."""
    ours = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("AWS_", "DISCORD_", "MARKET_", "MODEL_"))
    }
    told = subprocess.run(
        [sys.executable, "-m", "deploy.aws", *arguments],
        cwd=REPOSITORY,
        env=ours | cloud.environment(ROOT) | environment,
        capture_output=True,
        text=True,
    )
    said = told.stdout + told.stderr
    assert told.returncode == code, said
    assert "Traceback" not in said
    assert not any(secret in said for secret in (TOKEN, API_KEY, SIGNING_KEY))
    return said


def outputs(cloud: Aws) -> dict[str, str]:
    [stack] = cloud.client("cloudformation").describe_stacks(StackName="axieflip")["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def secret(cloud: Aws, arn: str) -> str:
    return str(cloud.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])


def service(cloud: Aws) -> dict[str, Any]:
    told = outputs(cloud)
    found = cloud.client("ecs").describe_services(cluster=told["ClusterName"], services=[told["ServiceName"]])
    return dict(found["services"][0])


@pytest.mark.cloud
def test_a_stack_lives_from_its_making_to_its_end_and_its_data_beyond(cloud: Aws) -> None:
    said = command(cloud, "deploy", "--image", "registry.example.org/axieflip:1", **GIVEN)
    assert "Filled in DISCORD_TOKEN, MARKET_API_KEY." in said
    told = outputs(cloud)
    assert secret(cloud, told["DiscordTokenSecret"]) == TOKEN
    assert secret(cloud, told["MarketApiKeySecret"]) == API_KEY
    assert service(cloud)["desiredCount"] == 1
    scheduler = cloud.client("scheduler")
    assert scheduler.get_schedule(GroupName="axieflip", Name="trainer")["State"] == "ENABLED"

    command(cloud, "deploy", "--image", "registry.example.org/axieflip:2", "--set", "LogDays=7")
    # moto leaves the service with the former one.
    task = cloud.client("ecs").describe_task_definition(taskDefinition="axieflip-bot")
    assert task["taskDefinition"]["containerDefinitions"][0]["image"] == "registry.example.org/axieflip:2"
    assert service(cloud)["desiredCount"] == 1
    assert secret(cloud, told["DiscordTokenSecret"]) == TOKEN

    assert "restarts" in command(cloud, "rotate", DISCORD_TOKEN="token-of-tomorrow-" + "d" * 20)
    assert secret(cloud, told["DiscordTokenSecret"]).startswith("token-of-tomorrow")

    s3, bucket = cloud.client("s3"), told["BucketName"]
    for body in (b"first", b"second"):
        s3.put_object(Bucket=bucket, Key="raw/x", Body=body)
    assert bucket in command(cloud, "destroy", "--bucket", "keep")
    assert s3.get_object(Bucket=bucket, Key="raw/x")["Body"].read() == b"second"
    assert secret(cloud, told["ModelSigningKeySecret"])
    assert "There is no stack axieflip" in command(cloud, "destroy", "--bucket", "keep", code=1)

    anew = ("--set", f"ExistingBucket={bucket}")
    command(cloud, "deploy", "--image", "i:1", *anew, MODEL_SIGNING_KEY=SIGNING_KEY, **GIVEN)
    assert outputs(cloud)["ObjectStore"] == f"s3://{bucket}"
    assert secret(cloud, outputs(cloud)["ModelSigningKeySecret"]) == SIGNING_KEY
    assert "2 versions" in command(cloud, "destroy", "--bucket", "delete")
    assert bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]}


@pytest.mark.cloud
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["deploy", "--image", "i:1"], "Set DISCORD_TOKEN and MARKET_API_KEY"),
        (["deploy"], "Give the image's address"),
        (["deploy", "--image", "i:1", "--set", "Colour=red"], "no parameter Colour"),
        (["rotate"], "There is no stack other"),
        (["run", "trainer"], "There is no stack other"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_made(
    cloud: Aws, arguments: list[str], sentence: str
) -> None:
    assert sentence in command(cloud, *arguments, "--name", "other", code=1)


@pytest.mark.cloud
def test_the_bucket_of_a_stack_has_no_fate_by_default(cloud: Aws) -> None:
    assert "--bucket" in command(cloud, "destroy", code=2)


def test_without_credentials_the_sentence_says_how_to_get_some(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(DeployError, match="credentials"):
        DeployedStack(Cloud(REGION), "axieflip").find()
    with pytest.raises(DeployError, match="region"):
        DeployedStack(Cloud(), "axieflip")


def event(logical: str, status: str, reason: str = "", kind: str = "AWS::ECS::Service") -> dict[str, Any]:
    return {
        "StackId": "arn:aws:cloudformation:eu-central-1:1:stack/axieflip/1",
        "EventId": f"{logical}-{status}",
        "StackName": "axieflip",
        "LogicalResourceId": logical,
        "ResourceType": kind,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "Timestamp": 0,
    }


STACK = "AWS::CloudFormation::Stack"
FAILED = [  # the newest first, as the service tells them
    event("axieflip", "ROLLBACK_COMPLETE", kind=STACK),
    event("Bucket", "CREATE_FAILED", "Resource creation cancelled", "AWS::S3::Bucket"),
    event("Budget", "CREATE_FAILED", "Later trouble.", "AWS::Budgets::Budget"),
    event("Service", "CREATE_FAILED", "ECS Deployment Circuit Breaker was triggered."),
    event("axieflip", "CREATE_IN_PROGRESS", kind=STACK),
    event("Service", "CREATE_FAILED", "Of an earlier life."),
]


def test_of_many_failures_the_first_of_the_last_change_is_told() -> None:
    assert (
        first_failure(FAILED) == "Service (AWS::ECS::Service): ECS Deployment Circuit Breaker was triggered."
    )
    assert first_failure([event("axieflip", "CREATE_COMPLETE", kind=STACK)]) == ""


def test_a_stack_that_fails_to_come_up_is_a_sentence_with_its_reason() -> None:
    stack = DeployedStack(Cloud(REGION), "axieflip", look_every_s=0)
    stack._client = Aws("http://127.0.0.1:9").client("cloudformation")  # which the stub keeps it from asking
    with Stubber(stack._client) as told:
        told.add_response("create_stack", {"StackId": "1"})
        for status in ("CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE"):
            described = {"StackName": "axieflip", "StackStatus": status, "CreationTime": 0}
            told.add_response("describe_stacks", {"Stacks": [described]})
        told.add_response("describe_stack_events", {"StackEvents": FAILED})
        with pytest.raises(DeployError, match=r"could not be created: Service .*Circuit Breaker"):
            stack.create({"Image": "i:1"})


@pytest.mark.cloud
def test_a_command_runs_once_in_the_stack_with_its_own_role_and_network(
    cloud: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(cloud, "runs")
    for name, value in cloud.environment(ROOT).items():
        monkeypatch.setenv(name, value)
    tasks = Tasks(Cloud(REGION), stack.outputs, look_every_s=0)
    arn = tasks.start("trainer", ["model", "list"])
    [task] = cloud.client("ecs").describe_tasks(cluster=stack.outputs["ClusterName"], tasks=[arn])["tasks"]
    assert task["overrides"]["containerOverrides"] == [{"name": "trainer", "command": ["model", "list"]}]
    assert task["taskDefinitionArn"] == stack.outputs["TrainerTaskDefinition"]
    cloud.client("logs").create_log_stream(
        logGroupName="/axieflip/runs/trainer", logStreamName=f"trainer/trainer/{arn.rpartition('/')[2]}"
    )
    assert list(tasks.last_lines("trainer", arn)) == []
    assert list(tasks.last_lines("collector", arn)) == []


def test_a_task_that_never_ran_is_a_sentence_with_its_reason() -> None:
    assert exit_code({"containers": [{"exitCode": 2}]}) == 2
    with pytest.raises(DeployError, match="CannotPullContainerError"):
        exit_code({"containers": [{}], "stoppedReason": "CannotPullContainerError: no such image"})
