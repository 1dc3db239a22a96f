"""The stack's secrets, filled in from the environment of whoever deploys, and never shown."""

from __future__ import annotations

from collections.abc import Mapping

from deploy.aws.aws import Aws, DeployError, in_a_sentence

# Variables of the bot by the stack's outputs that name their secrets.
SECRETS = {
    "DISCORD_TOKEN": "DiscordTokenSecret",
    "MARKET_API_KEY": "MarketApiKeySecret",  # pragma: allowlist secret (names)
    "MODEL_SIGNING_KEY": "ModelSigningKeySecret",
}
NEEDED = ("DISCORD_TOKEN", "MARKET_API_KEY")  # the third is made at random


def require(given: Mapping[str, str]) -> None:
    """Raise DeployError where a secret that cannot be made is not given."""
    missing = [name for name in NEEDED if not given.get(name)]
    if missing:
        raise DeployError(
            f"Set {' and '.join(missing)} in this command's environment: they go into the stack's secrets."
        )


def fill(aws: Aws, outputs: Mapping[str, str], given: Mapping[str, str]) -> list[str]:
    """Put those that are given into their secrets; returns their names."""
    client, filled = aws.client("secretsmanager"), []
    for name, output in SECRETS.items():
        if value := given.get(name):
            with in_a_sentence():
                client.put_secret_value(SecretId=outputs[output], SecretString=value)
            filled.append(name)
    return filled
