from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bot.errors import SettingsError
from bot.settings import Settings

NEEDED = {
    "DISCORD_TOKEN": "discord-token-value",
    "MARKET_API_KEY": "market-key-value",
    "MODEL_SIGNING_KEY": "signing-key-value-0123",
}


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def load(tmp_path: Path, without: Any = (), **lines: str) -> Settings:
    file = tmp_path / ".env"
    file.write_text("".join(f'{name}="{value}"\n' for name, value in lines.items()), encoding="utf-8")
    return Settings.load(without=without, env_file=file)


def problems(tmp_path: Path, **lines: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, **(NEEDED | lines))
    return str(caught.value).splitlines()


def test_three_variables_are_enough_and_the_rest_has_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, **NEEDED)
    assert settings.discord_token.get_secret_value() == NEEDED["DISCORD_TOKEN"]
    assert settings.database_url == "sqlite+aiosqlite:///data/axieflip.db"
    assert (settings.http_host, settings.http_port, settings.http_token) == ("127.0.0.1", 8080, None)


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PORT", "9001")
    assert load(tmp_path, **NEEDED, HTTP_PORT="9000").http_port == 9001


def test_all_missing_variables_are_named_at_once_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path)
    text = str(caught.value)
    assert [line.split()[0] for line in text.splitlines()] == sorted(
        NEEDED, key=lambda name: list(Settings.model_fields).index(name.lower())
    )
    assert (
        "MODEL_SIGNING_KEY is missing: put a random string of at least 16 characters into .env or the "
        "environment (python -c 'import secrets; print(secrets.token_hex(32))')." in text
    )


def test_an_empty_variable_counts_as_missing(tmp_path: Path) -> None:
    assert problems(tmp_path, DISCORD_TOKEN="")[0].startswith("DISCORD_TOKEN is missing")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MARKET_URL", "ftp://example.org"),
        ("MARKET_URL", "not an address"),
        ("MARKET_URL", "https://user:hunter22@example.org"),
        ("DISCORD_GATEWAY_URL", "https://example.org"),
        ("DATABASE_URL", "mysql://root:hunter22@example.org/axieflip"),
        ("DATABASE_URL", "hunter22"),
        ("OBJECT_STORE", "somewhere"),
        ("OBJECT_STORE", "s3:"),
        ("HTTP_PORT", "70000"),
        ("HTTP_PORT", "http"),
        ("COLLECT_CRON", "every day"),
        ("COLLECT_CRON", "99 * * * *"),
        ("TRAIN_CRON", "at night"),
        ("COLLECT_MINUTES", "0"),
        ("GAS_RON", "nan"),
        ("MARKET_POLL_MIN_S", "-1"),
        ("MARKET_POLL_MAX_S", "0.5"),
        ("MODEL_SIGNING_KEY", "hunter22"),
        ("DISCORD_GUILD_ID", "0"),
        ("DISCORD_GUILD_ID", "buy-signals"),
        ("DISCORD_GUILD_ID", "9" * 30),
        ("MARKET_URL", "http://[::1"),
        ("DATABASE_URL", "postgresql://axie@host:port/axieflip"),
        ("DISCORD_TOKEN", "short"),
        ("MARKET_API_KEY", "a"),
        ("LOG_LEVEL", "LOUD"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_its_variable(tmp_path: Path, name: str, value: str) -> None:
    [sentence] = problems(tmp_path, **{name: value})
    assert sentence.startswith(name)
    assert sentence.endswith(".")
    assert not re.search(r"hunter22|input|should|parse|literal|Error|0\.0", sentence)


@pytest.mark.parametrize("name", ["COLLECT_CRON", "TRAIN_CRON"])
def test_collection_and_training_can_be_left_to_another_process(tmp_path: Path, name: str) -> None:
    assert getattr(load(tmp_path, **NEEDED, **{name: "OFF"}), name.lower()) == "off"


def test_wrong_values_are_all_listed(tmp_path: Path) -> None:
    found = problems(tmp_path, HTTP_PORT="x", COLLECT_CRON="x", HTTP_HOST="0.0.0.0", DISCORD_TOKEN="")
    assert {line.split()[0] for line in found} == {"HTTP_PORT", "COLLECT_CRON", "HTTP_TOKEN", "DISCORD_TOKEN"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "bot.example.org"])
def test_a_door_that_others_can_reach_needs_a_token(tmp_path: Path, host: str) -> None:
    assert problems(tmp_path, HTTP_HOST=host)[0].startswith(f"HTTP_TOKEN is missing, and HTTP_HOST={host}")
    assert load(tmp_path, **NEEDED, HTTP_HOST=host, HTTP_TOKEN="t" * 16).http_host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_a_door_for_this_machine_needs_none(tmp_path: Path, host: str) -> None:
    assert load(tmp_path, **NEEDED, HTTP_HOST=host).http_token is None


def test_a_postgresql_address_gets_the_asynchronous_driver(tmp_path: Path) -> None:
    for written in ("postgres", "postgresql", "postgresql+asyncpg"):
        settings = load(tmp_path, **NEEDED, DATABASE_URL=f"{written}://axie@db.example.org/axieflip")
        assert settings.database_url == "postgresql+asyncpg://axie@db.example.org/axieflip"


def test_what_belongs_to_other_programs_is_ignored(tmp_path: Path) -> None:
    assert load(tmp_path, **NEEDED, AWS_REGION="eu-west-1", SOMETHING="else").http_port == 8080


def test_a_command_can_do_without_tokens_that_it_does_not_use(tmp_path: Path) -> None:
    lines = {"MODEL_SIGNING_KEY": NEEDED["MODEL_SIGNING_KEY"]}
    settings = load(tmp_path, ("discord_token", "market_api_key"), **lines)
    assert settings.discord_token.get_secret_value() == ""
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, ("discord_token",), **lines)
    assert str(caught.value).startswith("MARKET_API_KEY is missing")
    assert load(tmp_path, ("discord_token",), **NEEDED).discord_token.get_secret_value()
    placeholder = load(tmp_path, ("discord_token", "market_api_key"), **lines, DISCORD_TOKEN="abc")
    assert placeholder.discord_token.get_secret_value() == ""


def test_no_secret_shows_in_any_text_made_from_the_settings(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        **NEEDED,
        HTTP_TOKEN="http-token-value-0123",
        DATABASE_URL="postgresql://axie:database-password@db.example.org/axieflip",
    )
    assert len(settings.secrets()) == 5
    shown = f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"
    assert not [secret for secret in settings.secrets() if secret in shown]
    assert "database-password" in settings.database_url


def test_a_file_that_is_no_text_is_said_so(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"DISCORD_TOKEN=\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8"):
        Settings.load(env_file=tmp_path / ".env")


def test_a_line_that_is_no_variable_is_named_with_its_number(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# fine\nDISCORD_TOKEN=discord-token-value\nput the key here\n\nX = 'open\n"
    )
    with pytest.raises(SettingsError) as caught:
        Settings.load(env_file=tmp_path / ".env")
    assert [line.partition(", ")[2] for line in str(caught.value).splitlines()] == [
        "line 3, is not of the form NAME=value: correct it.",
        "line 5, is not of the form NAME=value: correct it.",
    ]


def test_a_folder_in_the_file_s_place_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        Settings.load(env_file=tmp_path)


def test_an_editor_s_mark_at_the_file_s_beginning_is_no_part_of_the_first_variable(tmp_path: Path) -> None:
    lines = "".join(f"{name}={value}\n" for name, value in NEEDED.items())
    (tmp_path / ".env").write_text(lines, encoding="utf-8-sig")
    settings = Settings.load(env_file=tmp_path / ".env")
    assert settings.discord_token.get_secret_value() == NEEDED["DISCORD_TOKEN"]


def test_the_example_documents_every_variable_with_its_default() -> None:
    example = (Path(__file__).parents[2] / ".env.example").read_text(encoding="utf-8")
    lines = dict(
        line.lstrip("#").split("=", 1) for line in example.splitlines() if "=" in line and line[:2] != "# "
    )
    assert set(lines) == {name.upper() for name in Settings.model_fields}
    given: dict[str, Any] = {name.lower(): value for name, value in (NEEDED | lines).items() if value}
    defaults: dict[str, Any] = {name.lower(): value for name, value in NEEDED.items()}
    assert Settings(_env_file=None, **(given | defaults)) == Settings(_env_file=None, **defaults)  # type: ignore[call-arg]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite+aiosqlite:///"])
def test_a_database_that_is_gone_with_the_process_is_refused(tmp_path: Path, url: str) -> None:
    (problem,) = problems(tmp_path, DATABASE_URL=url)
    assert "must name a file" in problem


@pytest.mark.parametrize("value", ["ключ-ключ", "two words", "broken\tkey"])
def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(tmp_path: Path, value: str) -> None:
    (problem,) = problems(tmp_path, MARKET_API_KEY=value)
    assert problem.startswith("MARKET_API_KEY is not one word of ASCII")
    assert value not in problem


def test_a_proxys_password_is_a_secret_and_a_wrong_proxy_is_refused_without_showing_it(
    tmp_path: Path,
) -> None:
    settings = load(tmp_path, **NEEDED, MARKET_PROXY="http://me:hunt%40er2@proxy.example:3128")
    assert "hunt@er2" in settings.secrets()
    assert "er2" not in repr(settings)
    (said,) = problems(tmp_path, MARKET_PROXY="hunt%40er2@proxy")
    assert said.startswith("MARKET_PROXY must look like http://host:port")
    assert "er2" not in said
