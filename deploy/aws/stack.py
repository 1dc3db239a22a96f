"""A stack of the template: created, changed and deleted, waited for, and its failures told in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from deploy.aws.aws import Aws, DeployError, in_a_sentence

TEMPLATE = Path(__file__).with_name("template.yaml")
LARGEST_TEMPLATE = 51_200  # bytes that CloudFormation takes without a bucket in between
LOOK_EVERY_S = 10
PATIENCE_S = 3600
# What is left of a creation that failed: nothing runs, and it can only be deleted.
STILLBORN = {"ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "REVIEW_IN_PROGRESS"}


@dataclass(frozen=True, slots=True)
class Found:
    """A stack as it stands."""

    id: str
    status: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]


class Stack:
    """A stack by its name, whether it is there or not. Every call may raise DeployError."""

    def __init__(self, aws: Aws, name: str, look_every_s: int = LOOK_EVERY_S) -> None:
        self.name = name
        self._client = aws.client("cloudformation")
        self._look_every_s = look_every_s

    def find(self) -> Found | None:
        """The stack, or None where there is none."""
        try:
            with in_a_sentence():
                [told] = self._client.describe_stacks(StackName=self.name)["Stacks"]
        except DeployError as error:
            cause = error.__cause__
            if isinstance(cause, ClientError) and cause.response["Error"]["Code"] == "ValidationError":
                return None
            raise
        return Found(
            told["StackId"],
            told["StackStatus"],
            {each["ParameterKey"]: each.get("ParameterValue", "") for each in told.get("Parameters", ())},
            {each["OutputKey"]: each["OutputValue"] for each in told.get("Outputs", ())},
        )

    def required(self) -> Found:
        """The stack. DeployError where there is none."""
        found = self.find()
        if found is None:
            raise DeployError(f"There is no stack {self.name}: `make deploy` makes it.")
        return found

    def settled(self) -> Found | None:
        """The stack, if nothing is changing it and it can be changed; None where it is still to be made."""
        found = self.find()
        if found is not None and found.status in STILLBORN:
            self.delete()
            return None
        if found is not None and found.status.endswith("_IN_PROGRESS"):
            raise DeployError(
                f"The stack {self.name} is being changed ({found.status}): wait until it is done."
            )
        return found

    def create(self, parameters: Mapping[str, str]) -> None:
        """Make it, and wait until it stands."""
        with in_a_sentence():
            self._client.create_stack(
                StackName=self.name,
                TemplateBody=template_body(),
                Parameters=_told(parameters),
                Capabilities=["CAPABILITY_IAM"],
                Tags=[{"Key": "application", "Value": "axieflip"}],
            )
        self._wait("stack_create_complete", "created")

    def update(self, parameters: Mapping[str, str]) -> bool:
        """Bring it to the template and these parameters, all others as they are.

        False where that changes nothing.
        """
        before = self.required().parameters
        whole = {key: before[key] for key in before.keys() & self.parameters()} | dict(parameters)
        try:
            with in_a_sentence():
                self._client.update_stack(
                    StackName=self.name,
                    TemplateBody=template_body(),
                    Parameters=_told(whole),
                    Capabilities=["CAPABILITY_IAM"],
                )
        except DeployError as error:
            if "No updates are to be performed" in str(error):
                return False
            raise
        self._wait("stack_update_complete", "updated")
        return True

    def parameters(self) -> set[str]:
        """The names of the template's parameters."""
        with in_a_sentence():
            told = self._client.get_template_summary(TemplateBody=template_body())
        return {each["ParameterKey"] for each in told["Parameters"]}

    def delete(self) -> None:
        """Delete it, and wait until it is gone."""
        found = self.find()
        if found is None:
            return
        with in_a_sentence():
            self._client.delete_stack(StackName=self.name)
        self._wait("stack_delete_complete", "deleted", found.id)

    def _wait(self, waiter: str, what: str, stack_id: str | None = None) -> None:
        try:
            self._client.get_waiter(waiter).wait(
                StackName=stack_id or self.name,
                WaiterConfig={
                    "Delay": self._look_every_s,
                    "MaxAttempts": max(1, PATIENCE_S // max(1, self._look_every_s)),
                },
            )
        except WaiterError as error:
            raise DeployError(
                f"The stack {self.name} could not be {what}: {self._why(stack_id) or error}"
            ) from error

    def _why(self, stack_id: str | None) -> str:
        """The first failure of the last change: what failed later failed because of it."""
        with in_a_sentence():
            pages = self._client.get_paginator("describe_stack_events").paginate(
                StackName=stack_id or self.name
            )
            events: list[dict[str, Any]] = [each for page in pages for each in page["StackEvents"]]
        return first_failure(events)


def _told(parameters: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())]


def first_failure(events: list[dict[str, Any]]) -> str:
    """What failed first in the last change, of events the newest first; empty where nothing did."""
    first = ""
    for event in events:
        status = event["ResourceStatus"]
        reason = event.get("ResourceStatusReason", "")
        if status.endswith("_FAILED") and "cancelled" not in reason.lower():
            first = f"{event['LogicalResourceId']} ({event['ResourceType']}): {reason or status}"
        began = status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")
        if began and event["ResourceType"] == "AWS::CloudFormation::Stack":
            break
    return first


def template_body() -> str:
    """The template as it is sent. DeployError where CloudFormation would not take it."""
    text = TEMPLATE.read_text()
    if len(text.encode()) > LARGEST_TEMPLATE:
        raise DeployError(f"{TEMPLATE.name} is larger than the {LARGEST_TEMPLATE:,} bytes that can be sent.")
    return text
