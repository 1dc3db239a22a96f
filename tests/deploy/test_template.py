"""The template, read by those who know its language, and the stack that comes of it."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from bot.log import configure
from bot.pulse import Pulse
from bot.services.elsewhere import EcsTask
from bot.services.stats import IntakeStats
from bot.settings import Settings
from pipeline.clock import ManualClock
from tests.bot.factories import NOON
from tests.deploy.aws import TEMPLATE, Aws, Stack


def test_the_linter_of_templates_finds_nothing() -> None:
    command = [Path(sys.executable).with_name("cfn-lint"), "-t", TEMPLATE, "-r", "us-east-1", "eu-central-1"]
    found = subprocess.run(command, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "")


# What the auditor finds and what has to be so: the only way to log in to ECR, whose token pulls what the role
# may pull, and that a started task is given its role, which the policy names.
ACCEPTED = {
    ("CREDENTIALS_EXPOSURE", "ecr:getauthorizationtoken"),
    ("PERMISSIONS_MANAGEMENT_ACTIONS", "iam:passrole"),  # of scheduler and bot
}


def test_the_auditor_of_policies_finds_nothing_but_what_has_to_be(stack: Stack, tmp_path: Path) -> None:
    policies = stack.policies()
    assert len(policies) == 5
    for name, text in policies.items():
        (tmp_path / f"{name.replace('/', '.')}.json").write_text(text)
    command = [Path(sys.executable).with_name("parliament"), "--include-community-auditors", "--json"]
    told = subprocess.run([*command, "--directory", tmp_path], capture_output=True, text=True).stdout
    findings = [json.loads(line) for line in told.splitlines()]
    assert {
        (each["issue"], *each["location"].get("actions", [each["detail"]])) for each in findings
    } == ACCEPTED


def test_no_policy_allows_all_of_a_kind(stack: Stack) -> None:
    for name, text in stack.policies().items():
        for statement in json.loads(text)["Statement"]:
            actions = statement["Action"]
            assert "*" not in str(actions), name
            assert statement["Resource"] != "*" or actions == "ecr:GetAuthorizationToken", name


def test_the_service_stops_its_one_bot_before_it_starts_another(aws: Aws, stack: Stack) -> None:
    [service] = aws.client("ecs").describe_services(
        cluster=stack.outputs["ClusterName"], services=[stack.outputs["ServiceName"]]
    )["services"]
    assert service["desiredCount"] == 1
    # These moto does not give back.
    told = _written("Service")
    assert told["DeploymentConfiguration"]["MinimumHealthyPercent"] == 0
    assert told["DeploymentConfiguration"]["MaximumPercent"] == 100
    assert told["AvailabilityZoneRebalancing"] == "DISABLED"


@pytest.mark.parametrize(
    ("which", "command", "size", "secrets"),
    [
        ("bot", ["run"], ("256", "512"), {"DISCORD_TOKEN", "MARKET_API_KEY", "MODEL_SIGNING_KEY"}),
        ("collector", ["collect"], ("256", "1024"), {"MARKET_API_KEY"}),
        ("trainer", ["train", "--days", "365"], ("2048", "8192"), {"MODEL_SIGNING_KEY"}),
    ],
)
def test_each_command_is_a_task_with_no_more_than_its_own_secrets_and_role(
    stack: Stack, which: str, command: list[str], size: tuple[str, str], secrets: set[str]
) -> None:
    task = stack.task(which)
    [container] = task["containerDefinitions"]
    assert container["command"] == command
    assert (task["cpu"], task["memory"]) == size
    assert {each["name"] for each in container["secrets"]} == secrets
    assert stack.resources[f"{which.capitalize()}Role"] in task["taskRoleArn"]
    assert container["readonlyRootFilesystem"] is True
    assert {each["containerPath"] for each in container["mountPoints"]} == {"/var/lib/axieflip", "/tmp"}
    assert container["stopTimeout"] <= 30
    assert container["logConfiguration"]["options"]["awslogs-group"] == f"/axieflip/{stack.name}/{which}"


def test_bot_and_collector_share_what_the_key_allows(stack: Stack) -> None:
    for name, allowed in (("MARKET_REQUESTS_PER_MINUTE", 300), ("MARKET_REQUESTS_PER_HOUR", 5000)):
        assert sum(int(stack.environment(which)[name]) for which in ("bot", "collector")) <= allowed


def test_collector_and_trainer_are_started_by_the_scheduler(aws: Aws, stack: Stack) -> None:
    scheduler = aws.client("scheduler")
    for which, when in (("collector", "cron(0 */8 * * ? *)"), ("trainer", "cron(30 3 * * ? *)")):
        found = scheduler.get_schedule(GroupName=stack.name, Name=which)
        assert (found["ScheduleExpression"], found["State"]) == (when, "ENABLED")
        target = found["Target"]
        assert stack.resources["SchedulerRole"] in target["RoleArn"]
        assert target["EcsParameters"]["TaskDefinitionArn"] == stack.task(which)["taskDefinitionArn"]
        [capacity] = target["EcsParameters"]["CapacityProviderStrategy"]
        assert capacity["capacityProvider"] == "FARGATE_SPOT"


def test_the_bucket_is_private_versioned_encrypted_and_gets_cheaper(aws: Aws, stack: Stack) -> None:
    s3, name = aws.client("s3"), stack.outputs["BucketName"]
    assert all(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values())
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    [rule] = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    [statement] = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
    rules = {each["ID"]: each for each in s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]}
    assert rules["raw-records-get-cheaper"]["Transitions"][0]["StorageClass"] == "INTELLIGENT_TIERING"
    assert rules["what-was-replaced-goes"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    # One of them may serve for years.
    assert not any("Expiration" in each for each in rules.values() if each["Filter"]["Prefix"] == "models/")


def test_logs_are_not_kept_for_ever(aws: Aws, stack: Stack) -> None:
    groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=f"/axieflip/{stack.name}/")[
        "logGroups"
    ]
    assert {each["logGroupName"] for each in groups} == set(stack.outputs["LogGroups"].split(","))
    assert {each["retentionInDays"] for each in groups} == {30}


def test_every_alarm_reaches_the_operator(aws: Aws, stack: Stack) -> None:
    topic = stack.outputs["AlarmTopic"]
    alarms = {each["AlarmName"]: each for each in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]}
    assert set(alarms) == {
        f"{stack.name} {what}"
        for what in ("bot down", "no listing", "model old", "collection failed", "training failed")
    }
    assert all(each["AlarmActions"] == [topic] for each in alarms.values())
    assert alarms[f"{stack.name} no listing"]["Threshold"] == 600
    assert alarms[f"{stack.name} model old"]["Threshold"] == 2 * 86_400
    assert alarms[f"{stack.name} bot down"]["TreatMissingData"] == "breaching"
    sns = aws.client("sns")
    [subscribed] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (subscribed["Protocol"], subscribed["Endpoint"]) == ("email", "operator@example.org")
    policy = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    assert "cloudwatch.amazonaws.com" in policy["Statement"][0]["Principal"]["Service"]
    [budget] = aws.client("budgets").describe_budgets(AccountId="123456789012")["Budgets"]
    assert budget["BudgetLimit"] == {"Amount": "30", "Unit": "USD"}


def test_an_alarm_looks_at_a_metric_that_the_log_gives(aws: Aws, stack: Stack) -> None:
    filters = aws.client("logs").describe_metric_filters()["metricFilters"]
    given = {
        (each["metricNamespace"], each["metricName"])
        for found in filters
        for each in found["metricTransformations"]
    }
    alarms = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert {(each["Namespace"], each["MetricName"]) for each in alarms} == given


def test_the_bot_may_begin_a_training_and_nothing_else(stack: Stack) -> None:
    [policy] = [text for name, text in stack.policies().items() if "BotRole" in name]
    allowed = {each["Sid"]: each for each in json.loads(policy)["Statement"]}
    assert allowed["Train"]["Resource"].endswith(f":task-definition/{stack.name}-trainer:*")
    cluster = stack.outputs["ClusterName"]
    for sid in ("Train", "WatchAndStopTasks"):
        assert allowed[sid]["Condition"]["ArnEquals"]["ecs:cluster"].endswith(f":cluster/{cluster}")
    roles = [stack.resources[role] for role in ("TrainerRole", "ExecutionRole")]
    assert [arn.rpartition("/")[2] for arn in allowed["HandRolesOver"]["Resource"]] == roles
    task = EcsTask.parse(stack.environment("bot")["TRAIN_ON"])
    assert task.request("r")["overrides"]["containerOverrides"][0]["command"] == [
        "train",
        "--run",
        "r",
        *stack.task("trainer")["containerDefinitions"][0]["command"][1:],
    ]
    assert (task.cluster, task.definition, task.container) == (cluster, f"{stack.name}-trainer", "trainer")
    assert list(task.subnets) == stack.outputs["Subnets"].split(",")
    assert (list(task.security_groups), task.public_ip) == ([stack.outputs["TasksSecurityGroup"]], True)


async def test_what_the_filters_read_is_what_the_bot_writes(aws: Aws, stack: Stack) -> None:
    written = io.StringIO()
    settings = Settings(
        _env_file=None,
        discord_token="t" * 20,
        market_api_key="k" * 20,
        model_signing_key="s" * 20,
        log_format="json",
    )
    configure(settings, written)
    clock, nobody = ManualClock(NOON), SimpleNamespace(card=None, version=None)
    await Pulse(IntakeStats(), cast(Any, nobody), clock).turn()
    pulse = json.loads(written.getvalue())
    filters = aws.client("logs").describe_metric_filters()["metricFilters"]
    asked = {each["filterPattern"] for each in filters}
    assert {re.search(r'event = "([^"]+)"', each)[1] for each in asked} == {  # type: ignore[index]
        pulse["event"],
        "collection failed",
        "training failed",
    }
    of_pulse = [each for each in filters if '"pulse"' in each["filterPattern"]]
    fields = set(re.findall(r"\$\.(\w+)", json.dumps([each["filterPattern"] for each in of_pulse])))
    values = {each["metricTransformations"][0]["metricValue"] for each in of_pulse}
    fields |= {value.removeprefix("$.") for value in values if value.startswith("$.")}
    assert fields <= pulse.keys()
    assert pulse["model_age_s"] is None  # which `IS NULL` finds


class _Loader(yaml.SafeLoader):
    """Reads the short forms of functions as plain values: what is asked of it here has none."""


_Loader.add_multi_constructor("!", lambda loader, tag, node: f"!{tag}")


def _written(logical: str) -> dict[str, Any]:
    """A resource's properties as the template has them."""
    return dict(yaml.load(TEMPLATE.read_text(), _Loader)["Resources"][logical]["Properties"])
