"""Clients of Amazon's services, and what goes wrong with them as one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError


class DeployError(Exception):
    """What was asked could not be done; a sentence that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Aws:
    """Where to: a region, or that of the environment. boto3 reads AWS_ENDPOINT_URL, for tests, by itself."""

    region: str | None = None

    def client(self, service: str) -> Any:
        """A client of a service. Raises DeployError where no region is known."""
        with in_a_sentence():
            return boto3.session.Session().client(service, region_name=self.region)  # type: ignore[call-overload]


@contextmanager
def in_a_sentence() -> Iterator[None]:
    """Turn what boto3 raises into a DeployError."""
    try:
        yield
    except NoCredentialsError:
        raise DeployError(
            "There are no credentials: log in with `aws configure sso` or set AWS_PROFILE."
        ) from None
    except NoRegionError:
        raise DeployError("No region is named: give --region or set AWS_REGION.") from None
    except ClientError as error:
        told = error.response.get("Error", {})
        raise DeployError(
            f"{error.operation_name} was refused: {told.get('Message', told.get('Code'))}"
        ) from error
    except BotoCoreError as error:
        raise DeployError(f"Amazon cannot be asked: {error}") from error
