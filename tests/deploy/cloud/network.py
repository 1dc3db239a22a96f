"""Parts of a network that moto's CloudFormation makes by halves, or never deletes."""

from __future__ import annotations

from tests.deploy.cloud.calls import Made, Properties, call, resource


def _vpc(_: str, given: Properties, region: str) -> Made:
    names = {key: given.pop(key) for key in ("EnableDnsSupport", "EnableDnsHostnames")}
    given.pop("Tags", None)
    vpc = call("ec2", region, "create_vpc", **given)["Vpc"]["VpcId"]
    for key, value in names.items():
        call("ec2", region, "modify_vpc_attribute", VpcId=vpc, **{key: {"Value": value}})
    return Made(vpc)


def _route_table(_: str, given: Properties, region: str) -> Made:
    return Made(call("ec2", region, "create_route_table", **given)["RouteTable"]["RouteTableId"])


def _route(_: str, given: Properties, region: str) -> Made:
    call("ec2", region, "create_route", **given)
    table = getattr(given["RouteTableId"], "physical_resource_id", given["RouteTableId"])
    return Made(f"{table}|{given['DestinationCidrBlock']}")


def _route_delete(name: str, region: str) -> None:
    table, _, destination = name.partition("|")
    call("ec2", region, "delete_route", RouteTableId=table, DestinationCidrBlock=destination)


def _association(_: str, given: Properties, region: str) -> Made:
    return Made(call("ec2", region, "associate_route_table", **given)["AssociationId"])


def _gateway(_: str, given: Properties, region: str) -> Made:
    return Made(call("ec2", region, "create_internet_gateway")["InternetGateway"]["InternetGatewayId"])


def _attachment(_: str, given: Properties, region: str) -> Made:
    call("ec2", region, "attach_internet_gateway", **given)
    ids = (getattr(given[key], "physical_resource_id", given[key]) for key in ("InternetGatewayId", "VpcId"))
    return Made("|".join(ids))


def _attachment_delete(name: str, region: str) -> None:
    gateway, _, vpc = name.partition("|")
    call("ec2", region, "detach_internet_gateway", InternetGatewayId=gateway, VpcId=vpc)


def _endpoint(_: str, given: Properties, region: str) -> Made:
    return Made(call("ec2", region, "create_vpc_endpoint", **given)["VpcEndpoint"]["VpcEndpointId"])


KINDS = [
    resource("AWS::EC2::VPC", _vpc, lambda name, region: call("ec2", region, "delete_vpc", VpcId=name)),
    resource(
        "AWS::EC2::RouteTable",
        _route_table,
        lambda name, region: call("ec2", region, "delete_route_table", RouteTableId=name),
    ),
    resource("AWS::EC2::Route", _route, _route_delete),
    resource(
        "AWS::EC2::SubnetRouteTableAssociation",
        _association,
        lambda name, region: call("ec2", region, "disassociate_route_table", AssociationId=name),
    ),
    resource(
        "AWS::EC2::InternetGateway",
        _gateway,
        lambda name, region: call("ec2", region, "delete_internet_gateway", InternetGatewayId=name),
    ),
    resource("AWS::EC2::VPCGatewayAttachment", _attachment, _attachment_delete),
    resource(
        "AWS::EC2::VPCEndpoint",
        _endpoint,
        lambda name, region: call("ec2", region, "delete_vpc_endpoints", VpcEndpointIds=[name]),
    ),
]
