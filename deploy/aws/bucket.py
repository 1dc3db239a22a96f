"""The end of a bucket, where that is wanted: all versions of all objects, then the bucket itself."""

from __future__ import annotations

from deploy.aws.aws import Aws, DeployError, in_a_sentence


def delete_bucket(aws: Aws, name: str) -> int:
    """Delete it with everything in it, and return how many versions that were. Raises DeployError."""
    client, deleted = aws.client("s3"), 0
    with in_a_sentence():
        for page in client.get_paginator("list_object_versions").paginate(Bucket=name):
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            if not found:
                continue
            told = client.delete_objects(
                Bucket=name,
                Delete={"Objects": [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]},
            )
            if refused := told.get("Errors"):
                raise DeployError(
                    f"{refused[0]['Key']} in {name} cannot be deleted: {refused[0]['Message']}."
                )
            deleted += len(found)
        client.delete_bucket(Bucket=name)
    return deleted
