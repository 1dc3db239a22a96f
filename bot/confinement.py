"""Keeps the secrets of the process from where they could be read later: children, core dumps, other users."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

# The variables that hold one; a database's address may hold its password.
SECRET_VARIABLES = frozenset(
    {"DISCORD_TOKEN", "MARKET_API_KEY", "MODEL_SIGNING_KEY", "HTTP_TOKEN", "MARKET_PROXY", "DATABASE_URL"}
)


def environment_of_children(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment without our secrets. AWS's stay: a training reads the object store."""
    return {name: value for name, value in environ.items() if name.upper() not in SECRET_VARIABLES}


def confine() -> None:
    """Once the settings are read: no child inherits a secret, and a crash writes no image of the memory."""
    for name in os.environ.keys() - environment_of_children().keys():
        del os.environ[name]
    if os.name == "posix":
        import resource

        # The soft limit, which children inherit: whoever needs a dump can still raise it from outside.
        _, most = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, most))


def advice(env_file: Path = Path(".env")) -> str | None:
    """What to do where other users of the machine can read the file of settings; None if they cannot."""
    try:
        mode = env_file.stat().st_mode
    except OSError:
        return None
    if os.name != "posix" or not mode & 0o077:
        return None
    return f"{env_file} can be read by other users of this machine: chmod 600 {env_file}"
