"""A resource of CloudFormation made by asking the server's own API for what the template says.

A property that the API does not know, or that is not of its type, fails the stack, as it would with Amazon.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from moto.cloudformation import parsing
from moto.core.common_models import CloudFormationModel
from moto.ecs.models import EC2ContainerServiceBackend
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
    _pass_over_what_is_not_there()
    # Containers of Fargate have the memory of their task, and moto adds up that of containers.
    EC2ContainerServiceBackend._calculate_task_resource_requirements = staticmethod(  # type: ignore[method-assign]
        lambda task: {"CPU": 0, "MEMORY": 0, "PORTS": [], "PORTS_UDP": []}
    )
    # moto reads no conditions, so that the one on TLS would deny everything for ever.
    FakeBucket.get_permission = lambda *_: PermissionResult.NEUTRAL  # type: ignore[method-assign]


def _pass_over_what_is_not_there() -> None:
    """moto would update resources that a condition keeps from being."""
    plain = parsing.parse_and_update_resource

    def update(logical: str, told: Any, resources: Any, **where: Any) -> Any:
        return None if resources[logical] is None else plain(logical, told, resources, **where)

    parsing.parse_and_update_resource = update


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


def resource(
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
        # moto deletes in no order, and what a thing was part of may be gone already.
        try:
            delete(name, region)
        except RuntimeError as error:
            if not re.search("NotFound|NoSuch|NotExist|does not exist|not found", str(error)):
                raise

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
