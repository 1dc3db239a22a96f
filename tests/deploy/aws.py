"""What the tests of the deployment stand on: an AWS on loopback, a stack in it, its tasks and their roles."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATE = REPOSITORY / "deploy" / "aws" / "template.yaml"
REGION, NAME = "eu-central-1", "axieflip"
ROOT = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}


@dataclass(frozen=True, slots=True)
class Aws:
    """The server's address, and clients of it."""

    url: str

    def client(self, service: str, **credentials: str) -> Any:
        return boto3.client(service, region_name=REGION, endpoint_url=self.url, **(credentials or ROOT))

    def environment(self, credentials: Mapping[str, str]) -> dict[str, str]:
        """What a process needs in order to be there with these credentials."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
            **{name.upper(): value for name, value in credentials.items()},
        }

    def assumed(self, role: str) -> dict[str, str]:
        """Credentials of a role, as its task has them."""
        arn = self.client("iam").get_role(RoleName=role)["Role"]["Arn"]
        given = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="task")["Credentials"]
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }

    @contextmanager
    def enforcing(self) -> Iterator[None]:
        """Within it every request is held against the policies of whose it is."""
        self._authorized_from("0")
        try:
            yield
        finally:
            self._authorized_from("inf")

    def _authorized_from(self, count: str) -> None:
        request = urllib.request.Request(
            f"{self.url}/moto-api/reset-auth",
            count.encode(),
            {"Content-Type": "text/plain"},  # a form's would be read as one
        )
        urllib.request.urlopen(request).close()


@contextmanager
def served() -> Iterator[Aws]:
    """An AWS in a process of its own, for the length of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.deploy.cloud"],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if not os.environ.get("AWS_LOG") else None,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, "the server did not start"
        yield Aws(json.loads(line)["url"])
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(15)


class Stack:
    """A stack made from the template."""

    def __init__(self, aws: Aws, name: str = NAME, **parameters: str) -> None:
        self.aws, self.name = aws, name
        given = {"Image": "registry.example.org/axieflip:1"} | parameters
        aws.client("cloudformation").create_stack(
            StackName=name,
            TemplateBody=TEMPLATE.read_text(),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        )

    @cached_property
    def outputs(self) -> dict[str, str]:
        [stack] = self.aws.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}

    @cached_property
    def resources(self) -> dict[str, str]:
        """Physical ids by logical ones."""
        pages = self.aws.client("cloudformation").get_paginator("list_stack_resources")
        return {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in pages.paginate(StackName=self.name)
            for each in page["StackResourceSummaries"]
        }

    def task(self, which: str) -> dict[str, Any]:
        """A task definition: of bot, collector or trainer."""
        found = self.aws.client("ecs").describe_task_definition(taskDefinition=f"{self.name}-{which}")
        return dict(found["taskDefinition"])

    def environment(self, which: str) -> dict[str, str]:
        """What its container is told, with its secrets as ECS hands them in."""
        [container] = self.task(which)["containerDefinitions"]
        secrets = self.aws.client("secretsmanager")
        return {each["name"]: each["value"] for each in container["environment"]} | {
            each["name"]: secrets.get_secret_value(SecretId=each["valueFrom"])["SecretString"]
            for each in container["secrets"]
        }

    def tasks(self, key: str, market_url: str, discord: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """What bot, collector and trainer are told, with their roles' credentials, in two simulated worlds.

        The market is entered with the key, and neither world counts requests.
        """
        secrets = self.aws.client("secretsmanager")
        for output, value in (("MarketApiKeySecret", key), ("DiscordTokenSecret", discord["token"])):
            secrets.put_secret_value(SecretId=self.outputs[output], SecretString=value)
        market = {
            "MARKET_URL": market_url,
            "MARKET_REQUESTS_PER_MINUTE": "100000",
            "MARKET_REQUESTS_PER_HOUR": "1000000",
        }
        worlds = {
            "bot": market
            | {
                "S3_ENDPOINT_URL": self.aws.url,
                "DISCORD_API_URL": discord["api"],
                "DISCORD_GATEWAY_URL": discord["gateway"],
                "HTTP_PORT": "0",
            },
            "collector": market,
            "trainer": {},
        }
        return {
            which: self.environment(which)
            | self.aws.environment(self.aws.assumed(self.resources[f"{which.capitalize()}Role"]))
            | world
            for which, world in worlds.items()
        }

    def policies(self) -> dict[str, str]:
        """Every inline policy of its roles as JSON, by role and name."""
        iam = self.aws.client("iam")
        roles = [physical for logical, physical in self.resources.items() if logical.endswith("Role")]
        return {
            f"{role}/{policy}": json.dumps(
                iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            )
            for role in roles
            for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]
        }
