"""The resource types of CloudFormation that moto lacks or makes by halves, made through the server's own API.

A property that the API does not know, or that is not of its type, fails the stack, as it would with Amazon.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

Properties = dict[str, Any]
_endpoint = ""


def served_at(endpoint: str) -> None:
    """Where the server is whose API is asked."""
    global _endpoint
    _endpoint = endpoint
    _retain_as_asked()
    _leave_out_no_value()
    # moto reads no conditions, so that the one on TLS would deny everything for ever.
    FakeBucket.get_permission = lambda *_: PermissionResult.NEUTRAL  # type: ignore[method-assign]


def _leave_out_no_value() -> None:
    """moto puts None where a list has AWS::NoValue."""
    plain = parsing.clean_json

    def clean_json(told: Any, resources: Any) -> Any:
        found = plain(told, resources)
        return [each for each in found if each is not None] if isinstance(found, list) else found

    parsing.clean_json = clean_json


def _retain_as_asked() -> None:
    """moto knows Retain only, and RetainExceptOnCreate is the same once a stack stands."""
    plain = parsing.ResourceMap.delete

    def delete(self: Any) -> None:
        for each in self._resource_json_map.values():
            if each.get("DeletionPolicy") == "RetainExceptOnCreate":
                each["DeletionPolicy"] = "Retain"
        plain(self)

    parsing.ResourceMap.delete = delete  # type: ignore[method-assign]


def call(service: str, region: str, operation: str, **given: Any) -> dict[str, Any]:
    """An operation with a template's properties, in the API's spelling of their names and in its types."""
    client: Any = boto3.client(
        service, region_name=region, endpoint_url=_endpoint, aws_access_key_id="x", aws_secret_access_key="x"
    )
    model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])
    try:
        return dict(getattr(client, operation)(**fitted(model.input_shape, given)))
    except (BotoCoreError, ClientError, TypeError, ValueError) as error:
        raise RuntimeError(f"{operation}: {error}") from error


def fitted(shape: Any, value: Any) -> Any:
    """The value as the API's shape has it. Raises ValueError for a member that it does not know."""
    value = getattr(value, "physical_resource_id", value)
    kind = shape.type_name
    if kind == "structure":
        names = {name.lower(): name for name in shape.members}
        unknown = [key for key in value if key.lower() not in names]
        if unknown:
            raise ValueError(f"{shape.name} has no {', '.join(unknown)}")
        spelt = {names[key.lower()]: each for key, each in value.items()}
        return {name: fitted(shape.members[name], each) for name, each in spelt.items()}
    if kind == "list":
        return [fitted(shape.member, each) for each in value]
    if kind == "map":
        return {key: fitted(shape.value, each) for key, each in value.items()}
    if kind in ("integer", "long"):
        return int(value)
    if kind in ("double", "float"):
        return float(value)
    if kind == "boolean":
        return value if isinstance(value, bool) else {"true": True, "false": False}[value]
    return json.dumps(value) if isinstance(value, dict) else value if isinstance(value, bytes) else str(value)


class Made(CloudFormationModel):
    """What was made: its id, and what GetAtt tells of it."""

    def __init__(self, physical_id: str, **attributes: str) -> None:
        self._id, self._attributes = physical_id, attributes

    @property
    def physical_resource_id(self) -> str:
        return self._id

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @staticmethod
    def cloudformation_type() -> str:
        return "Tests::Made"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in ("Arn", "Name")

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return self._attributes[attribute_name]


def _resource(
    kind: str,
    create: Callable[[str, Properties, str], Made],
    delete: Callable[[str, str], object],
    update: Callable[[str, Properties, str], object] | None = None,
) -> type:
    """A type of resource. Without `update`, a change makes it anew under its own id."""

    def make(_: Any, name: str, told: Any, account: str, region: str, **__: Any) -> Made:
        return create(name, dict(told.get("Properties", {})), region)

    def change(
        _: Any, *, original_resource: Made, cloudformation_json: Any, region_name: str, **__: Any
    ) -> Made:
        given = dict(cloudformation_json.get("Properties", {}))
        if update is None:
            return create(original_resource.physical_resource_id, given, region_name)
        update(original_resource.physical_resource_id, given, region_name)
        return original_resource

    def remove(_: Any, name: str, told: Any, account: str, region: str) -> None:
        delete(name, region)

    # moto takes the last direct subclass of its own class that says it is of a type.
    members = {
        "cloudformation_name_type": staticmethod(lambda: ""),
        "cloudformation_type": staticmethod(lambda: kind),
        "create_from_cloudformation_json": classmethod(make),
        "update_from_cloudformation_json": classmethod(change),
        "delete_from_cloudformation_json": classmethod(remove),
        "has_cfn_attr": classmethod(lambda _, attr: attr in ("Arn", "Name")),
    }
    return type(kind.replace("::", ""), (CloudFormationModel,), members)


def _bucket(name: str, given: Properties, region: str) -> Made:
    name = given.get("BucketName", name)[:63].lower()
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    call("s3", region, "create_bucket", Bucket=name, **where)
    _bucket_settings(name, given, region)
    return Made(name, Arn=f"arn:aws:s3:::{name}")


def _bucket_settings(name: str, given: Properties, region: str) -> None:
    def rule(told: Properties) -> Properties:
        told = dict(told)
        scope: Properties = {"Filter": {"Prefix": told.pop("Prefix", "")}}
        expires = {
            api: told.pop(cfn)
            for cfn, api in (
                ("ExpirationInDays", "Days"),
                ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"),
            )
            if cfn in told
        }
        moves = [
            {"Days": each["TransitionInDays"], "StorageClass": each["StorageClass"]}
            for each in told.pop("Transitions", ())
        ]
        aborts = told.pop("AbortIncompleteMultipartUpload", None)
        if aborts:
            scope["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": aborts["DaysAfterInitiation"]}
        return (
            told
            | scope
            | ({"Expiration": expires} if expires else {})
            | ({"Transitions": moves} if moves else {})
        )

    call(
        "s3",
        region,
        "put_bucket_versioning",
        Bucket=name,
        VersioningConfiguration=given["VersioningConfiguration"],
    )
    call("s3", region, "put_bucket_encryption", Bucket=name, ServerSideEncryptionConfiguration={
        "Rules": [
            {"ApplyServerSideEncryptionByDefault": each["ServerSideEncryptionByDefault"]}
            for each in given["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        ]
    })  # fmt: skip
    block = given["PublicAccessBlockConfiguration"]
    call("s3", region, "put_public_access_block", Bucket=name, PublicAccessBlockConfiguration=block)
    call(
        "s3",
        region,
        "put_bucket_ownership_controls",
        Bucket=name,
        OwnershipControls=given["OwnershipControls"],
    )
    rules = [rule(each) for each in given["LifecycleConfiguration"]["Rules"]]
    call(
        "s3",
        region,
        "put_bucket_lifecycle_configuration",
        Bucket=name,
        LifecycleConfiguration={"Rules": rules},
    )


def _bucket_policy(name: str, given: Properties, region: str) -> Made:
    call("s3", region, "put_bucket_policy", Bucket=given["Bucket"], Policy=given["PolicyDocument"])
    return Made(str(getattr(given["Bucket"], "physical_resource_id", given["Bucket"])))


def _role(name: str, given: Properties, region: str) -> Made:
    name = name[-64:]
    trust = given["AssumeRolePolicyDocument"]
    made = call("iam", region, "create_role", RoleName=name, AssumeRolePolicyDocument=trust)["Role"]
    _role_policies(name, given, region)
    return Made(name, Arn=made["Arn"])


def _role_policies(name: str, given: Properties, region: str) -> None:
    for each in given.get("Policies", ()):
        call("iam", region, "put_role_policy", RoleName=name, **each)


def _role_delete(name: str, region: str) -> None:
    for policy in call("iam", region, "list_role_policies", RoleName=name)["PolicyNames"]:
        call("iam", region, "delete_role_policy", RoleName=name, PolicyName=policy)
    call("iam", region, "delete_role", RoleName=name)


def _secret(name: str, given: Properties, region: str) -> Made:
    asked = given.pop("GenerateSecretString")
    text = call("secretsmanager", region, "get_random_password", **asked)["RandomPassword"]
    made = call("secretsmanager", region, "create_secret", Name=name, SecretString=text, **given)
    return Made(made["ARN"], Arn=made["ARN"])


def _secret_update(arn: str, given: Properties, region: str) -> None:
    call("secretsmanager", region, "update_secret", SecretId=arn, Description=given["Description"])


def _task_definition(_: str, given: Properties, region: str) -> Made:
    made = call("ecs", region, "register_task_definition", **given)["taskDefinition"]
    return Made(made["taskDefinitionArn"])


def _service(name: str, given: Properties, region: str) -> Made:
    made = call("ecs", region, "create_service", ServiceName=name, **given)["service"]
    return Made(made["serviceArn"], Name=made["serviceName"])


def _service_update(arn: str, given: Properties, region: str) -> None:
    given = {key: each for key, each in given.items() if key != "Tags"}
    call("ecs", region, "update_service", Service=arn.rpartition("/")[2], **given)


def _service_delete(arn: str, region: str) -> None:
    _, _, path = arn.partition(":service/")
    cluster, _, service = path.partition("/")
    call("ecs", region, "delete_service", Cluster=cluster, Service=service, Force=True)


def _schedule_group(_: str, given: Properties, region: str) -> Made:
    call("scheduler", region, "create_schedule_group", **given)
    return Made(given["Name"])


def _schedule(_: str, given: Properties, region: str) -> Made:
    call("scheduler", region, "create_schedule", **given)
    return Made(f"{getattr(given['GroupName'], 'physical_resource_id', given['GroupName'])}/{given['Name']}")


def _schedule_delete(name: str, region: str) -> None:
    group, _, schedule = name.partition("/")
    call("scheduler", region, "delete_schedule", GroupName=group, Name=schedule)


def _metric_filter(name: str, given: Properties, region: str) -> Made:
    call("logs", region, "put_metric_filter", FilterName=name, **given)
    return Made(f"{getattr(given['LogGroupName'], 'physical_resource_id', given['LogGroupName'])}|{name}")


def _metric_filter_delete(name: str, region: str) -> None:
    group, _, own = name.partition("|")
    call("logs", region, "delete_metric_filter", LogGroupName=group, FilterName=own)


def _alarm(_: str, given: Properties, region: str) -> Made:
    call("cloudwatch", region, "put_metric_alarm", **given)
    return Made(given["AlarmName"])


def _topic_policy(name: str, given: Properties, region: str) -> Made:
    policy = json.dumps(given["PolicyDocument"], default=lambda made: made.physical_resource_id)
    for topic in given["Topics"]:
        told = {"TopicArn": topic, "AttributeName": "Policy", "AttributeValue": policy}
        call("sns", region, "set_topic_attributes", **told)
    return Made(name)


def _subscription(_: str, given: Properties, region: str) -> Made:
    return Made(call("sns", region, "subscribe", **given)["SubscriptionArn"])


def _budget(name: str, given: Properties, region: str) -> Made:
    budget = {"BudgetName": name} | given["Budget"]
    notices = given["NotificationsWithSubscribers"]
    call(
        "budgets",
        region,
        "create_budget",
        AccountId=ACCOUNT,
        Budget=budget,
        NotificationsWithSubscribers=notices,
    )
    return Made(name)


ACCOUNT = "123456789012"
KINDS = [
    _resource(
        "AWS::S3::Bucket",
        _bucket,
        lambda name, region: call("s3", region, "delete_bucket", Bucket=name),
        _bucket_settings,
    ),
    _resource(
        "AWS::S3::BucketPolicy",
        _bucket_policy,
        lambda name, region: call("s3", region, "delete_bucket_policy", Bucket=name),
    ),
    _resource("AWS::IAM::Role", _role, _role_delete, _role_policies),
    _resource(
        "AWS::SecretsManager::Secret",
        _secret,
        lambda arn, region: call("secretsmanager", region, "delete_secret", SecretId=arn),
        _secret_update,
    ),
    _resource(
        "AWS::ECS::TaskDefinition",
        _task_definition,
        lambda arn, region: call("ecs", region, "deregister_task_definition", TaskDefinition=arn),
    ),
    _resource("AWS::ECS::Service", _service, _service_delete, _service_update),
    _resource(
        "AWS::Scheduler::ScheduleGroup",
        _schedule_group,
        lambda name, region: call("scheduler", region, "delete_schedule_group", Name=name),
        lambda *_: None,
    ),
    _resource(
        "AWS::Scheduler::Schedule",
        _schedule,
        _schedule_delete,
        lambda _, given, region: call("scheduler", region, "update_schedule", **given),
    ),
    _resource("AWS::Logs::MetricFilter", _metric_filter, _metric_filter_delete),
    _resource(
        "AWS::CloudWatch::Alarm",
        _alarm,
        lambda name, region: call("cloudwatch", region, "delete_alarms", AlarmNames=[name]),
    ),
    _resource("AWS::SNS::TopicPolicy", _topic_policy, lambda *_: None),
    _resource(
        "AWS::SNS::Subscription",
        _subscription,
        lambda arn, region: call("sns", region, "unsubscribe", SubscriptionArn=arn),
    ),
    _resource(
        "AWS::Budgets::Budget",
        _budget,
        lambda name, region: call("budgets", region, "delete_budget", AccountId=ACCOUNT, BudgetName=name),
    ),
]
