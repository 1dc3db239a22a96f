"""The kinds of values that a setting can have: checks that say, as the end of a sentence, what it must be."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated
from urllib.parse import urlsplit

from apscheduler.triggers.cron import CronTrigger
from pydantic import AfterValidator, Field, SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from bot.services.elsewhere import EcsTask
from pipeline.market.errors import WrongAddress
from pipeline.market.proxy import Proxy

OFF = "off"  # of a schedule: another process does it
RANDOM = "(python -c 'import secrets; print(secrets.token_hex(32))')"


def url(*schemes: str) -> AfterValidator:
    """An address with one of these schemes, and without a password in it."""

    def check(value: str) -> str:
        try:
            parts = urlsplit(value)
            known = (
                parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
            )
        except ValueError:  # half of an IPv6 address, or a port that is no number
            known = False
        if not known:
            raise ValueError(f"must be a URL that starts with {' or '.join(f'{s}://' for s in schemes)}")
        if parts.username or parts.password:
            raise ValueError("must not contain a user name or password")
        return value

    return AfterValidator(check)


def at_least(characters: int) -> AfterValidator:
    """A secret of so many characters."""

    def check(value: SecretStr) -> SecretStr:
        # Empty stands for "not needed" (`Settings.load`); from outside it counts as missing.
        if 0 < len(value.get_secret_value()) < characters:
            raise ValueError(f"is too short: it needs at least {characters} characters {RANDOM}")
        return value

    return AfterValidator(check)


def database_url(value: str) -> str:
    """A database's address; its driver is put in where it is left out."""
    drivers = {
        "sqlite": "sqlite+aiosqlite",
        "postgresql": "postgresql+asyncpg",
        "postgres": "postgresql+asyncpg",
    }
    scheme, separator, rest = value.partition("://")
    value = drivers.get(scheme, scheme) + separator + rest
    try:
        url = make_url(value)
        supported = url.drivername in drivers.values()
        kept = not value.startswith("sqlite") or url.database not in (None, "", ":memory:")
    except (ArgumentError, ValueError):  # the latter where its port is no number
        supported = kept = False
    if not supported:
        raise ValueError(
            "must look like sqlite+aiosqlite:///data/axieflip.db or postgresql+asyncpg://user@host/name"
        )
    if not kept:
        raise ValueError("must name a file: sqlite+aiosqlite:///data/axieflip.db")
    return value


def proxy(value: SecretStr) -> SecretStr:
    """A proxy's address, which may have a password in it."""
    try:
        Proxy.parse(value.get_secret_value())
    except WrongAddress:
        raise ValueError("must look like http://host:port or http://user:password@host:port") from None
    return value


def object_store(value: str) -> str:
    """A folder or a bucket."""
    scheme, _, rest = value.partition(":")
    if (scheme == "file" and rest) or (scheme == "s3" and urlsplit(value).netloc):
        return value
    raise ValueError("must be file:some/folder or s3://bucket/prefix")


def bucket(value: str) -> str:
    """A bucket, with or without a prefix."""
    parts = urlsplit(value)
    if parts.scheme != "s3" or not parts.netloc or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be s3://bucket/prefix")
    return value


def train_on(value: str) -> str:
    """Where trainings run: here, as a task of ECS, or on a Dask cluster."""
    if value == "here":
        return value
    if value.startswith("ecs:"):
        EcsTask.parse(value)
        return value
    try:
        parts = urlsplit(value)
        if parts.scheme in ("tcp", "tls") and parts.hostname and parts.port and not parts.path:
            return value
    except ValueError:  # a port that is no number
        pass
    raise ValueError(
        "must be here, ecs://CLUSTER/TASK-DEFINITION?subnets=a,b&security_groups=c, or a Dask scheduler's "
        "address such as tcp://host:8786"
    )


def cron(value: str) -> str:
    """Five fields of cron, or off."""
    if value.lower() == OFF:
        return OFF
    try:
        CronTrigger.from_crontab(value, timezone=UTC)
    except ValueError:
        raise ValueError(
            'must be a cron expression of five fields (minute hour day month weekday) such as "0 */8 * * *", '
            "or off"
        ) from None
    return value


def upper(value: object) -> object:
    """Text in capitals; anything else as it is."""
    return value.upper() if isinstance(value, str) else value


Snowflake = Annotated[int, Field(gt=0, lt=2**63)]
