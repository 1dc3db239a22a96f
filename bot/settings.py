"""What the process is told from outside: the environment first, then `.env`; names as in `.env.example`.

`Settings.load()` is the only way in for a command. It lists every problem at once, a sentence each, and
neither its errors nor any text made from the settings contain a secret.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal, Self

from dotenv.parser import Original, parse_stream
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url

from bot import kinds
from bot.errors import SettingsError
from bot.redaction import SHORTEST
from pipeline.market.proxy import Proxy

_AWS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
ENCODING = "utf-8-sig"  # some editors begin a file with a mark that is no part of its first variable
SIGNING_KEY_CHARS = HTTP_TOKEN_CHARS = 16
TOKEN_CHARS = SHORTEST  # what is shorter could not be kept out of the log, and was not copied whole
_HINT = {"model_signing_key": f" {kinds.RANDOM}"}
_HELP = {
    "discord_token": "put the bot's token from the Discord developer portal",  # nosec B105
    "market_api_key": "put an API key from the Sky Mavis developer portal",
    "model_signing_key": f"put a random string of at least {SIGNING_KEY_CHARS} characters",
    "http_token": f"put a random string of at least {HTTP_TOKEN_CHARS} characters",
}


# What pydantic finds wrong, as the end of a sentence that begins with the variable.
_WRONG = {
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of at most 19 digits",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
}


class Settings(BaseSettings):
    """Every setting, by the lower-case name of its variable. Frozen; secrets are `SecretStr`."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding=ENCODING,
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    discord_token: SecretStr
    discord_api_url: Annotated[str, kinds.url("http", "https")] = "https://discord.com/api/v10"
    discord_gateway_url: Annotated[str, kinds.url("ws", "wss")] = "wss://gateway.discord.gg/"
    discord_guild_id: kinds.Snowflake | None = None
    operators_channel_id: kinds.Snowflake | None = None

    market_api_key: SecretStr
    market_url: Annotated[str, kinds.url("http", "https")] = (
        "https://api-gateway.skymavis.com/graphql/axie-marketplace"
    )
    market_proxy: Annotated[SecretStr, AfterValidator(kinds.proxy)] | None = None
    market_record: Path | None = None
    market_requests_per_minute: Annotated[int, Field(gt=0)] = 300
    market_requests_per_hour: Annotated[int, Field(gt=0)] = 5000
    market_poll_min_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    market_poll_max_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=10.0, validate_default=True
    )

    database_url: Annotated[str, AfterValidator(kinds.database_url)] = Field(
        default="sqlite+aiosqlite:///data/axieflip.db", repr=False
    )
    replica_url: Annotated[str, AfterValidator(kinds.bucket)] | None = None
    object_store: Annotated[str, AfterValidator(kinds.object_store)] = "file:data/store"
    s3_endpoint_url: Annotated[str, kinds.url("http", "https")] | None = None
    model_signing_key: Annotated[SecretStr, kinds.at_least(SIGNING_KEY_CHARS)]

    http_host: str = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    http_requests_per_minute: Annotated[int, Field(gt=0, le=1_000_000)] = 300
    http_token: Annotated[SecretStr, kinds.at_least(HTTP_TOKEN_CHARS)] | None = Field(
        default=None, validate_default=True
    )

    gas_ron: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.007
    keep_days: Annotated[int, Field(ge=31)] = 180
    collect_cron: Annotated[str, AfterValidator(kinds.cron)] = "0 */8 * * *"
    train_cron: Annotated[str, AfterValidator(kinds.cron)] = "30 3 * * *"
    collect_minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 10
    train_minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 180
    train_on: Annotated[str, AfterValidator(kinds.train_on)] = "here"
    part_strengths_url: Annotated[str, kinds.url("http", "https")] | None = None
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(kinds.upper)] = "INFO"
    log_format: Literal["console", "json"] = "console"

    @classmethod
    def load(cls, *, without: Collection[str] = (), env_file: Path | str | None = ".env") -> Self:
        """The settings of this process; `SettingsError` names every variable that is missing or wrong.

        `without` names tokens that a command can do without (training needs no `discord_token`): where
        they are missing or wrong, they are empty.
        """
        _check_file(env_file)
        settings, wrong, problems = cls._read(env_file)
        if wrong.intersection(without):
            settings, _, problems = cls._read(env_file, **dict.fromkeys(wrong.intersection(without), ""))
        if settings is None:
            raise SettingsError("\n".join(problems))
        return settings

    @classmethod
    def _read(cls, env_file: Path | str | None, **given: str) -> tuple[Self | None, set[str], list[str]]:
        try:
            return cls(_env_file=env_file, **given), set(), []  # type: ignore[call-arg, arg-type]
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
        wrong = {str(problem["loc"][0]) for problem in found}
        return None, wrong, [_sentence(problem) for problem in found]

    @field_validator("market_poll_max_s")
    @classmethod
    def _not_below_minimum(cls, value: float, info: ValidationInfo) -> float:
        if value < info.data.get("market_poll_min_s", value):
            raise ValueError("must not be less than MARKET_POLL_MIN_S")
        return value

    @field_validator("replica_url")
    @classmethod
    def _of_a_file(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and not info.data.get("database_url", "sqlite").startswith("sqlite"):
            raise ValueError("is for a SQLite file; remove it, as PostgreSQL has backups of its own")
        return value

    @field_validator("discord_token", "market_api_key")
    @classmethod
    def _fits_a_header(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not text.isascii() or any(sign.isspace() or not sign.isprintable() for sign in text):
            raise ValueError("is not one word of ASCII letters, digits and signs: copy it anew")
        # Empty stands for "not needed" (`load`).
        if 0 < len(text) < TOKEN_CHARS:
            raise ValueError("is too short to be one: copy it whole")
        return value

    @field_validator("http_token")
    @classmethod
    def _guards_the_door(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        host = info.data.get("http_host", "127.0.0.1")
        if value is None and not is_loopback(host):
            raise ValueError(
                f"is missing, and HTTP_HOST={host} can be reached from other machines: "
                f"{_HELP['http_token']} into .env or the environment, or set HTTP_HOST=127.0.0.1"
            )
        return value

    @field_serializer("database_url")
    def _without_password(self, value: str) -> str:
        return make_url(value).render_as_string(hide_password=True)

    def secrets(self) -> tuple[str, ...]:
        """Every secret text that this process knows, for the log to keep out; never to be shown."""
        values = (getattr(self, name) for name in type(self).model_fields)
        found = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        if self.market_proxy is not None:
            proxy = Proxy.parse(self.market_proxy.get_secret_value())
            found += [proxy.password, proxy.basic]
        found += [os.environ.get(name, "") for name in _AWS]  # boto3 reads them by itself
        return tuple(text for text in (*found, make_url(self.database_url).password) if text)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens at `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_file(env_file: Path | str | None) -> None:
    """Raise SettingsError where the file is there and no list of variables: dotenv would pass over lines."""
    if env_file is None or not Path(env_file).exists():
        return
    try:
        with Path(env_file).open(encoding=ENCODING) as text:
            wrong = [_line_of(each.original) for each in parse_stream(text) if each.error]
    except UnicodeDecodeError:
        raise SettingsError(f"{env_file} is not UTF-8 text: save it as such.") from None
    except OSError as error:
        raise SettingsError(f"{env_file} cannot be read ({error.strerror}): correct that.") from error
    if wrong:
        raise SettingsError(
            "\n".join(
                f"{env_file}, line {line}, is not of the form NAME=value: correct it." for line in wrong
            )
        )


def _line_of(found: Original) -> int:
    """Its number; dotenv counts the empty lines before it to it."""
    blank = len(found.string) - len(found.string.lstrip())
    return found.line + found.string[:blank].count("\n")


def _sentence(problem: ErrorDetails) -> str:
    field, kind = str(problem["loc"][0]), problem["type"]
    name = field.upper()
    if kind == "missing":
        return f"{name} is missing: {_HELP[field]} into .env or the environment{_HINT.get(field, '')}."
    if kind in _WRONG:
        wrong = "must be digits, as Discord's Copy ID gives them" if field.endswith("_id") else _WRONG[kind]
        bounds = problem.get("ctx", {}).items()
        limits = {key: f"{value:g}" if isinstance(value, float) else value for key, value in bounds}
        return f"{name} {wrong.format(**limits)}."
    message = problem["msg"].removeprefix("Value error, ")
    return f"{name} {message[0].lower()}{message[1:]}."
