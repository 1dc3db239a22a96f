"""What `make deploy` and `make destroy` do, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from deploy.aws import secrets
from deploy.aws.aws import Aws, DeployError, in_a_sentence
from deploy.aws.bucket import delete_bucket
from deploy.aws.stack import Stack

Say = Callable[[str], None]
AT_REST = {"BotTasks": "0", "Schedules": "DISABLED"}
AT_WORK = {"BotTasks": "1", "Schedules": "ENABLED"}


@dataclass(frozen=True, slots=True)
class Deployment:
    """A stack, and whom to tell of each step."""

    aws: Aws
    stack: Stack
    say: Say

    def deploy(self, image: str | None, given: Mapping[str, str], secret: Mapping[str, str]) -> None:
        """Make the stack or bring it up to date.

        A new one is made at rest, for its secrets are filled in before anything that needs them starts.
        Raises DeployError.
        """
        given = dict(given) | ({"Image": image} if image else {})
        unknown = given.keys() - self.stack.parameters()
        if unknown:
            raise DeployError(f"The template has no parameter {', '.join(sorted(unknown))}.")
        if self.stack.settled() is None:
            self._create(given, secret)
            return
        changed = self.stack.update(given)
        self.say("The stack is up to date." if changed else "Nothing has changed in the stack.")

    def _create(self, given: Mapping[str, str], secret: Mapping[str, str]) -> None:
        if "Image" not in given:
            raise DeployError("Give the image's address: --image registry/axieflip@sha256:…")
        secrets.require(secret)
        self.say(f"Making the stack {self.stack.name} at rest: about five minutes.")
        self.stack.create(dict(given) | AT_REST)
        filled = secrets.fill(self.aws, self.stack.required().outputs, secret)
        self.say(f"Filled in {', '.join(filled)}. Starting the bot.")
        self.stack.update({**AT_WORK, **{key: given[key] for key in AT_WORK if key in given}})
        self.say(
            "The bot runs, without a model as yet: `make cloud-run ARGS=collector`, then "
            "`make cloud-run ARGS=trainer`."
        )

    def rotate(self, secret: Mapping[str, str]) -> None:
        """Put new values into secrets and restart the bot, which reads them at its start."""
        outputs = self.stack.required().outputs
        filled = secrets.fill(self.aws, outputs, secret)
        if not filled:
            raise DeployError(f"Set the new value of {', '.join(secrets.SECRETS)} in the environment.")
        with in_a_sentence():
            self.aws.client("ecs").update_service(
                cluster=outputs["ClusterName"], service=outputs["ServiceName"], forceNewDeployment=True
            )
        self.say(f"Filled in {', '.join(filled)}; the bot restarts.")

    def destroy(self, bucket: Literal["keep", "delete"]) -> None:
        """Delete the stack, and its bucket or not. Raises DeployError."""
        outputs = self.stack.required().outputs
        name, key = outputs.get("BucketName"), outputs.get("ModelSigningKeySecret")
        self.say(f"Deleting the stack {self.stack.name}.")
        self.stack.delete()
        if not name or not key:
            return
        if bucket == "keep":
            self.say(
                f"Kept: the bucket {name}, and the key that its models are signed with, {key}. A later "
                f"`make deploy` goes on with them: --set ExistingBucket={name}, and the key's text as "
                "MODEL_SIGNING_KEY in its environment."
            )
            return
        deleted = delete_bucket(self.aws, name)
        with in_a_sentence():
            self.aws.client("secretsmanager").delete_secret(SecretId=key, RecoveryWindowInDays=7)
        self.say(f"Deleted the bucket {name} with {deleted:,} versions; its signing key goes in seven days.")
