"""Windows, faults and pictures on their own."""

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simcord.preview._markdown import markdown_tokens

from sandbox.discord.faults import Faults, Latency, LostAnswer, StatusFault
from sandbox.discord.limits import GLOBAL_LIMIT, Limiter
from sandbox.discord.pictures import Pictures, is_loopback, picture_urls
from sandbox.discord.thrift import _tokens as remembered_tokens


class Hand:
    """A clock that is moved by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@settings(deadline=None)
@given(gaps=st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_no_window_ever_passes_more_than_its_limit_and_a_client_that_waits_as_told_is_never_refused(gaps):
    clock = Hand()
    limiter = Limiter(clock)
    opened, passed = None, 0
    for gap in gaps:
        clock.now += gap
        verdict = limiter.judge("POST", "/channels/7/messages")
        if not verdict.allowed:
            assert passed == 5
            clock.now += verdict.retry_after
            verdict = limiter.judge("POST", "/channels/7/messages")
        assert verdict.allowed
        if opened is None or clock.now - opened >= 5.0:
            opened, passed = clock.now, 0
        passed += 1
        assert passed <= 5
        assert verdict.headers["X-RateLimit-Remaining"] == str(5 - passed)


def test_channels_do_not_share_a_window_and_the_whole_bot_shares_one():
    limiter = Limiter(Hand())
    verdicts = [limiter.judge("POST", f"/channels/{number}/messages") for number in range(GLOBAL_LIMIT + 1)]
    callback = limiter.judge("POST", "/interactions/1/token/callback")
    assert [verdict.allowed for verdict in verdicts] == [True] * GLOBAL_LIMIT + [False]
    assert verdicts[-1].everywhere
    assert verdicts[-1].headers["X-RateLimit-Global"] == "true"
    assert callback.allowed


def test_faults_strike_in_the_order_in_which_they_were_armed_and_only_what_they_match():
    faults = Faults()
    faults.arm(StatusFault(status=500, path="/channels/*", times=1))
    faults.arm(StatusFault(status=403, method="POST", times=None))
    faults.arm(LostAnswer(times=1))
    faults.arm(Latency(ms=250, method="GET"))
    struck = [faults.status("POST", "/channels/1/messages") for _ in range(3)]
    assert [fault.status for fault in struck] == [500, 403, 403]
    assert faults.status("GET", "/users/@me") is None
    assert [faults.loses_answer("POST", "/x"), faults.loses_answer("POST", "/x")] == [True, False]
    assert (faults.delay("GET", "/x"), faults.delay("POST", "/x")) == (0.25, 0.0)
    faults.clear()
    assert faults.describe() == {"outage": False, "faults": []}


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:8080/a.png", True),
        ("http://localhost/a.png", True),
        ("http://[::1]:1/a.png", True),
        ("https://127.0.0.1/a.png", False),
        ("http://example.org/127.0.0.1/a.png", False),
        ("http://127.0.0.1.example.org/a.png", False),
        ("http://10.0.0.1/a.png", False),
        ("http://127.0.0.1@example.org/a.png", False),
        ("attachment://chart.png", False),
        ("http://[", False),
    ],
)
def test_only_loopback_addresses_count_as_loopback(url, loopback):
    assert is_loopback(url) is loopback


def test_pictures_are_found_in_embeds_and_in_components():
    message = SimpleNamespace(
        embeds=[
            {
                "url": "http://127.0.0.1/page",
                "thumbnail": {"url": "a"},
                "footer": {"text": "x", "icon_url": "b"},
            },
            {"image": {"url": "c"}, "author": None},
        ],
        components=[
            {"type": 17, "components": [{"type": 9, "accessory": {"type": 11, "media": {"url": "d"}}}]},
            {"type": 12, "items": [{"media": {"url": "e"}}]},
        ],
    )
    assert sorted(picture_urls(message)) == ["a", "b", "c", "d", "e"]


async def test_a_picture_is_fetched_once_and_nothing_is_asked_of_other_hosts(aiohttp_pictures):
    base, asked = aiohttp_pictures
    shelf, arrived = {}, asyncio.Event()
    pictures = Pictures(shelf, arrived.set)
    urls = [f"{base}/one.png", f"{base}/redirect.png", f"{base}/page.html", "http://192.0.2.1/far.png"]
    messages = [SimpleNamespace(embeds=[{"image": {"url": url}}], components=[]) for url in urls]
    pictures.want(messages)
    await asyncio.wait_for(arrived.wait(), 5)
    pictures.want(messages[:1])
    await pictures.close()
    assert {url: name for url, (name, _) in shelf.items()} == {urls[0]: "one.png"}
    assert asked.count("/one.png") == 1
    assert "/elsewhere.png" not in asked


@settings(deadline=None)
@given(
    st.text(alphabet="ab *_`>#<t:1R>|@&/.\n-", max_size=60), st.sampled_from(["message", "embed_description"])
)
def test_remembered_markdown_is_the_markdown_that_simcord_parses(text, profile):
    context = {"users": {"1": {"name": "Ada"}}, "channels": {}, "roles": {}}
    for _ in range(2):
        assert remembered_tokens(text, profile, context=context) == markdown_tokens(
            text, profile, context=context
        )


async def test_a_picture_of_which_a_loopback_server_holds_a_mirror_is_fetched_from_there(aiohttp_pictures):
    base, _ = aiohttp_pictures
    shelf, arrived = {}, asyncio.Event()
    pictures = Pictures(shelf, arrived.set, ("https://cdn.example", base))
    urls = ["https://cdn.example/one.png", "https://elsewhere.example/one.png"]
    pictures.want(SimpleNamespace(embeds=[{"image": {"url": url}}], components=[]) for url in urls)
    await asyncio.wait_for(arrived.wait(), 5)
    await pictures.close()
    assert list(shelf) == urls[:1]
