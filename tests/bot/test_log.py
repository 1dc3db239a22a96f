from __future__ import annotations

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from bot.log import begin, configure, redact, say
from bot.outages import NAMES
from bot.redaction import Redactor
from bot.settings import Settings
from pipeline.market.errors import MarketUnavailable

TOKEN = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"
SIGNING_KEY = "signing-key-0123456789"
# Anything printable, from quotes and backslashes to other scripts; long enough not to be part of a sentence.
SECRETS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["C", "Z"]), min_size=16
)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def configured(form: str = "json", key: str = SIGNING_KEY, level: str = "INFO", **more: Any) -> io.StringIO:
    stream = io.StringIO()
    fields = {"discord_token": "discord-token-value", "market_api_key": "market-key-value", **more}
    configure(
        Settings(_env_file=None, model_signing_key=key, log_format=form, log_level=level, **fields),  # type: ignore[call-arg, arg-type]
        stream,
    )
    return stream


def fail_with(message: str) -> None:
    raise RuntimeError(message)


@pytest.mark.parametrize("form", ["json", "console"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secret=SECRETS, before=st.text(max_size=3), after=st.text(max_size=3))
@example(secret="0" * 14 + "\\0", before="", after="")  # escaped by repr, and again by JSON
def test_a_secret_reaches_the_log_in_no_way(form: str, secret: str, before: str, after: str) -> None:
    stream = configured(form, secret)
    text = before + secret + after
    ours, theirs = structlog.get_logger("ours"), logging.getLogger("theirs")
    ours.info(text)
    ours.info("event", value=text, nested={"list": [text, (text,)], text: 1}, object=ValueError(text))
    ours.info("event", **{"key-" + secret: 1})
    ours.info("event", answer={"body": json.dumps({"text": text})})
    theirs.warning("%s and %r and %r", text, text, {"k": [text]})
    theirs.warning("event", extra={"header": text})
    try:
        fail_with(text)
    except RuntimeError:
        ours.exception("failed")
        theirs.exception("failed %s", text)
    written = stream.getvalue()
    assert written.count("[secret]") >= 10
    assert secret not in written
    assert json.dumps(secret)[1:-1] not in written
    assert repr(secret)[1:-1] not in written
    assert json.dumps(json.dumps(secret))[3:-3] not in written


@given(secret=SECRETS, text=st.text(max_size=30))
def test_what_is_no_secret_stays_as_it_is(secret: str, text: str) -> None:
    assume(secret not in text)
    line = f"a {text.replace(':', '')} b"  # without colons, nothing looks like a field with a value
    assert Redactor([secret])(line) == line


@pytest.mark.parametrize(
    "text",
    [
        f"login with {TOKEN} failed",
        f"'Authorization': 'Bot {TOKEN}'",
        "Authorization: Bearer abc",
        '{"authorization": "Basic dXNlcjpodW50ZXIyMg=="}',
        "headers=(b'Authorization', b'Bot hunter22-hunter22')",
        "<CIMultiDict('X-API-Key': 'hunter22')>",
        "api_key=hunter22&page=2",
        "POST /webhooks/1234567890/aW50ZXJhY3Rpb246aHVudGVyMjI_hunter22",
        "sent Bearer hunter22.hunter22.hunter22",
        "postgresql+asyncpg://axie:hunter22@db.example.org/axieflip",
    ],
)
def test_what_looks_like_a_secret_is_taken_out_too(text: str) -> None:
    shown = Redactor()(text)
    assert "[secret]" in shown
    for part in (TOKEN, "abc", "hunter22", "dXNlcjpodW50ZXIyMg"):
        assert part not in shown


@pytest.mark.parametrize(
    "text",
    [
        "listing 0x4e5cdbe4bd4a0d9ab6b1bd6b3a3a4a5d4e5cdbe4bd4a0d9ab6b1bd6b3a3a4a5d at https://app.axieinfinity.com/a/1",
        "2026-06-01T12:00:00.123456Z bot.services.journal recorded=12",
        "the bot started; Bot user axieflip#1234",
        "http://127.0.0.1:8080/metrics",
    ],
)
def test_ordinary_lines_are_left_alone(text: str) -> None:
    assert Redactor()(text) == text


def test_a_database_password_is_a_secret_however_the_address_writes_it() -> None:
    stream = configured(database_url="postgresql://axie:p%40ss%2Fword-1234@db.example.org/axieflip")
    logging.getLogger("sqlalchemy").warning("p@ss/word-1234 or p%40ss%2Fword-1234")
    assert "word-1234" not in stream.getvalue()


def test_a_short_password_spoils_no_line_and_an_address_still_hides_it() -> None:
    stream = configured(database_url="postgresql://axie:axie@db.example.org/axieflip")
    structlog.get_logger().info("axieflip", url="postgresql://axie:axie@db.example.org/axieflip")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["url"]) == (
        "axieflip",
        "postgresql://axie:[secret]@db.example.org/axieflip",
    )


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_is_down_takes_a_line_on_the_terminal_and_a_fault_its_traceback(form: str) -> None:
    for error in (MarketUnavailable("it is not reachable"), ConnectionRefusedError("no")):
        stream = configured(form)
        try:
            raise error
        except Exception:
            structlog.get_logger("ours").exception("failed")
            logging.getLogger("theirs").exception("failed")
        lines = stream.getvalue().splitlines()
        assert len(lines) == 2
        assert all(f"{type(error).__name__}: {error}" in line for line in lines)
        assert ("Traceback" in stream.getvalue()) == (form == "json")


def test_every_name_of_an_outage_is_that_of_an_exception() -> None:
    for name in NAMES:
        module, _, kind = name.rpartition(".")
        found = getattr(import_module(module), kind)
        assert issubclass(found, Exception)
        assert f"{found.__module__}.{found.__qualname__}" == name


def test_libraries_and_our_own_lines_have_one_form() -> None:
    stream = configured()
    structlog.get_logger("bot.test").info("ours", listing="0xab")
    logging.getLogger("discord.gateway").info("theirs %d", 7)
    ours, theirs = map(json.loads, stream.getvalue().splitlines())
    assert (ours["event"], ours["listing"], ours["level"], ours["logger"]) == (
        "ours",
        "0xab",
        "info",
        "bot.test",
    )
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("theirs 7", "info", "discord.gateway")
    assert ours["timestamp"] <= theirs["timestamp"]


def test_an_exception_is_logged_with_its_traceback_and_no_values_of_variables() -> None:
    for form in ("json", "console"):
        stream = configured(form)
        local = "value of a variable"
        try:
            fail_with("reason")
        except RuntimeError:
            structlog.get_logger().exception("failed")
        written = stream.getvalue()
        assert "RuntimeError: reason" in written
        assert "fail_with" in written
        assert local not in written.replace('local = "value of a variable"', "")


def test_lines_below_the_level_are_left_out() -> None:
    stream = configured(level="WARNING")
    structlog.get_logger().info("ours")
    logging.getLogger("theirs").info("theirs")
    logging.getLogger("aiohttp.access").info("GET /healthz")
    assert stream.getvalue() == ""


def test_warnings_go_to_the_log() -> None:
    stream = configured()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("something is old", UserWarning, stacklevel=1)
        logging.captureWarnings(False)
    assert "something is old" in stream.getvalue()


def test_configuring_again_does_not_write_lines_twice() -> None:
    configured()
    stream = configured()
    structlog.get_logger().info("once")
    assert len(stream.getvalue().splitlines()) == 1


def test_a_record_that_cannot_be_written_does_not_show_what_it_holds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configured()
    root = logging.getLogger()
    root.handlers[:] = root.handlers[-1:]  # without those of pytest, which raise
    root.warning("%d", SIGNING_KEY)
    written = capsys.readouterr().err
    assert "could not be written" in written
    assert SIGNING_KEY not in written


def test_other_rooms_can_redact_what_they_show() -> None:
    configured()
    assert redact(f"key {SIGNING_KEY}") == "key [secret]"


def test_in_the_form_json_what_is_said_to_a_person_is_an_object_a_line_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configured(level="ERROR")
    say(f"Two\nlines with {SIGNING_KEY}", subject="sales")
    told = json.loads(capsys.readouterr().err)
    assert (told["event"], told["subject"]) == ("Two\nlines with [secret]", "sales")
    configured("console")
    say(f"Two\nlines with {SIGNING_KEY}")
    assert capsys.readouterr().err == "Two\nlines with [secret]\n"


def test_a_figure_that_is_none_leaves_the_line_json() -> None:
    stream = configured()
    structlog.get_logger().info("ours", lag=float("nan"), most=[float("inf")])

    def refuse(word: str) -> None:
        raise AssertionError(word)

    line = json.loads(stream.getvalue(), parse_constant=refuse)
    assert (line["lag"], line["most"]) == ("nan", ["inf"])


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_a_thread_or_a_destructor_raises_goes_through_the_redactor(
    form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setenv("LOG_FORMAT", form)
    begin()
    stream = configured(form)

    class Falls:
        def __del__(self) -> None:
            fail_with(SIGNING_KEY)

    thread = threading.Thread(target=fail_with, args=[SIGNING_KEY])
    thread.start()
    thread.join()
    Falls()
    written = stream.getvalue()
    assert written.count("RuntimeError: [secret]") == 2
    assert SIGNING_KEY not in written + capsys.readouterr().err
    if form == "json":
        assert len(list(map(json.loads, written.splitlines()))) == 2
