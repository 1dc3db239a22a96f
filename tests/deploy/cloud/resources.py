"""The resource types that moto's CloudFormation lacks or makes by halves."""

from __future__ import annotations

import json

from tests.deploy.cloud.calls import Made, Properties, call, resource

ACCOUNT = "123456789012"


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


def _log_group(_: str, given: Properties, region: str) -> Made:
    days, name = given.pop("RetentionInDays"), given["LogGroupName"]
    call("logs", region, "create_log_group", **given)
    call("logs", region, "put_retention_policy", LogGroupName=name, RetentionInDays=days)
    return Made(name, Arn=f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{name}:*")


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


def _budget_delete(name: str, region: str) -> None:
    call("budgets", region, "delete_budget", AccountId=ACCOUNT, BudgetName=name)


def _budget_update(name: str, given: Properties, region: str) -> None:
    _budget_delete(name, region)
    _budget(name, given, region)


KINDS = [
    resource(
        "AWS::S3::Bucket",
        _bucket,
        lambda name, region: call("s3", region, "delete_bucket", Bucket=name),
        _bucket_settings,
    ),
    resource(
        "AWS::S3::BucketPolicy",
        _bucket_policy,
        lambda name, region: call("s3", region, "delete_bucket_policy", Bucket=name),
    ),
    resource("AWS::IAM::Role", _role, _role_delete, _role_policies),
    resource(
        "AWS::SecretsManager::Secret",
        _secret,
        lambda arn, region: call("secretsmanager", region, "delete_secret", SecretId=arn),
        _secret_update,
    ),
    resource(
        "AWS::ECS::TaskDefinition",
        _task_definition,
        lambda arn, region: call("ecs", region, "deregister_task_definition", TaskDefinition=arn),
    ),
    resource("AWS::ECS::Service", _service, _service_delete, _service_update),
    resource(
        "AWS::Scheduler::ScheduleGroup",
        _schedule_group,
        lambda name, region: call("scheduler", region, "delete_schedule_group", Name=name),
        lambda *_: None,
    ),
    resource(
        "AWS::Scheduler::Schedule",
        _schedule,
        _schedule_delete,
        lambda _, given, region: call("scheduler", region, "update_schedule", **given),
    ),
    resource(
        "AWS::Logs::LogGroup",
        _log_group,
        lambda name, region: call("logs", region, "delete_log_group", LogGroupName=name),
        lambda name, given, region: call(
            "logs",
            region,
            "put_retention_policy",
            LogGroupName=name,
            RetentionInDays=given["RetentionInDays"],
        ),
    ),
    resource("AWS::Logs::MetricFilter", _metric_filter, _metric_filter_delete),
    resource(
        "AWS::CloudWatch::Alarm",
        _alarm,
        lambda name, region: call("cloudwatch", region, "delete_alarms", AlarmNames=[name]),
    ),
    resource("AWS::SNS::TopicPolicy", _topic_policy, lambda *_: None),
    resource(
        "AWS::SNS::Subscription",
        _subscription,
        lambda arn, region: call("sns", region, "unsubscribe", SubscriptionArn=arn),
    ),
    resource("AWS::Budgets::Budget", _budget, _budget_delete, _budget_update),
]
