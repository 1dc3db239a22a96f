"""What must hold after every scenario, whatever happened in it; `check` returns what does not.

A scenario may take away a promise by naming it in `Arena.expected`: "undeliverable" (alerts that no retry
could have delivered), "paused" (the bot pauses a watch that can no longer
post), "unseen" (there is no bot to see listings).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec

from cogs.delivery import LATE_S
from pipeline.market.values import Listing
from pipeline.signal import Filters, Prediction, Thresholds, refusal
from tests.e2e.parts import API_KEY, SIGNING_KEY
from tests.range.arena import Arena
from tests.range.resources import use_of

REST_WITHIN = 12.0
MORE_LIVES = 3
GRACE_S = 5.0  # between the look at the market and Discord's stamp on the message, both processes being busy
STATES = {"delivered", "undeliverable", "expired"}


async def check(arena: Arena) -> list[str]:
    """Bring the scenario to its end and return every invariant that is violated, a sentence each."""
    found: list[str] = []
    if arena.bot is not None:
        found += await _ended(arena)
        # The market goes on: what the bot learnt of in its last moments is for its next life to tell.
        for _ in range(MORE_LIVES):
            if found or not arena.records.pending():
                break
            try:
                await arena.start()
            except (TimeoutError, AssertionError) as error:
                found.append(f"no next life: {error}"[-1500:])
                break
            found += await _ended(arena)
    if (arena.postgres is None and not arena.database.exists()) or "unseen" in arena.expected:
        return found + list(_secrets(arena, []))
    messages = await arena.messages()
    found += _sound(arena)
    found += _recorded(arena)
    found += _alerts(arena, messages)
    found += _told_once(arena, messages)
    found += await _nothing_gone(arena, messages)
    found += _secrets(arena, messages)
    return found


async def _ended(arena: Arena) -> list[str]:
    """Have the bot come to rest and stop; what it did not manage of that."""
    found = []
    try:
        await arena.settle()
    except TimeoutError as error:
        found.append(str(error))
    found += await _rested(arena)
    try:
        await arena.stop()
    except AssertionError as error:
        found.append(str(error)[-1500:])
    return found


async def _rested(arena: Arena) -> list[str]:
    """Memory, handles, threads, children and tasks are where they were once the bot has come to rest.

    A later life of the bot holds no more than the first did.
    """
    if arena.rested is None:
        return []
    deadline, beyond = time.monotonic() + REST_WITHIN, [""]
    while beyond and time.monotonic() < deadline:
        beyond = (await use_of(arena.life)).beyond(arena.rested)
        if beyond:
            await asyncio.sleep(0.5)
    return beyond


def _sound(arena: Arena) -> Iterator[str]:
    if arena.postgres is not None:
        return  # the server keeps that promise itself
    rows = arena.records.rows
    if (answer := rows("PRAGMA integrity_check")) != [("ok",)]:
        yield f"the database is not sound: {answer[:3]}"
    if orphans := rows("PRAGMA foreign_key_check"):
        yield f"references without their row: {orphans[:3]}"


def _recorded(arena: Arena) -> Iterator[str]:
    stored, shown = arena.records.listings(), arena.settled
    ours = {each["hash"] for each in arena.listed}
    if lost := set(shown) - stored:
        yield f"{len(lost)} of {len(shown)} listings that the market shows are not recorded"
    if lost := ours - set(shown) - stored - _gone_unseen(arena):
        yield f"{len(lost)} listings of the scenario are neither shown nor recorded"


def _gone_unseen(arena: Arena) -> set[str]:
    """What a scenario let be sold before the bot could have seen it."""
    return {each["hash"] for each in arena.listed if each.get("buyable")}


def _alerts(arena: Arena, messages: list[dict[str, Any]]) -> Iterator[str]:
    """Every due alert exists, none exists that was not due, and each is delivered or says why not."""
    rows = arena.records.rows(
        "SELECT a.watch_id, a.listing_hash, a.state, a.reason, p.nonce, p.message_id "
        "FROM alerts a JOIN posts p ON p.id = a.post_id"
    )
    due = _due(arena)
    told = {(watch, hash_) for watch, hash_, *_ in rows}
    ours = {each["hash"] for each in arena.listed}
    watches = {watch for watch, _ in due}
    missing = {pair for pair in due if pair[1] in ours} - told - _muted(arena)
    if missing and "paused" not in arena.expected:
        yield f"{len(missing)} alerts that were due were never written down"
    falling = _falling(arena)
    excess = {pair for pair in told if pair[0] in watches and pair[1] not in falling} - due
    if excess:
        yield f"{len(excess)} alerts were not due"
    if waiting := [row for row in rows if row[2] not in STATES]:
        yield f"{len(waiting)} alerts are still waiting, the first because: {waiting[0][3]}"
    if silent := [row for row in rows if row[2] in STATES - {"delivered"} and not row[3]]:
        yield f"{len(silent)} alerts were given up without a reason"
    given_up = Counter(row[3] for row in rows if row[2] == "undeliverable")
    if given_up and "undeliverable" not in arena.expected:
        yield f"alerts were given up: {dict(given_up)}"
    there = {message["nonce"] for message in messages}
    lost = [row for row in rows if row[2] == "delivered" and row[4] not in there]
    if lost and "undeliverable" not in arena.expected:
        yield f"{len(lost)} alerts are noted as delivered and are not in Discord"


def _due(arena: Arena) -> set[tuple[int, str]]:
    """(watch, listing) where the stored prediction reaches what the stored watch wants."""
    watches = [
        (id_, msgspec.json.decode(thresholds, type=Thresholds), msgspec.json.decode(filters, type=Filters))
        for id_, thresholds, filters in arena.records.rows("SELECT id, thresholds, filters FROM watches")
    ]
    found = set()
    for listing_body, prediction_body in arena.records.rows(
        "SELECT l.body, p.body FROM listings l JOIN predictions p ON p.listing_hash = l.hash"
    ):
        listing = msgspec.json.decode(listing_body, type=Listing)
        prediction = msgspec.json.decode(prediction_body, type=Prediction)
        for id_, thresholds, filters in watches:
            if refusal(thresholds, filters, listing, prediction, listing.seen_at) is None:
                found.add((id_, listing.hash))
    return found


def _falling(arena: Arena) -> set[str]:
    """Auctions may come to reach a watch later, at a price that is not stored."""
    bodies = arena.records.rows("SELECT hash, body FROM listings")
    return {hash_ for hash_, body in bodies if msgspec.json.decode(body, type=Listing).is_auction}


def _muted(arena: Arena) -> set[tuple[int, str]]:
    """A relisted axie is told of by an edit of its first alert, not by an alert of its own."""
    return {
        (watch, hash_)
        for watch, hash_ in arena.records.rows(
            "SELECT watch_id, current_hash FROM alerts WHERE current_hash != listing_hash"
        )
    }


def _told_once(arena: Arena, messages: list[dict[str, Any]]) -> Iterator[str]:
    """No message twice: neither by its nonce nor by what it says of an axie in a channel."""
    posts = [message for message in messages if message["nonce"]]
    twice = [nonce for nonce, count in Counter(each["nonce"] for each in posts).items() if count > 1]
    if twice:
        yield f"{len(twice)} messages were posted twice"
    marks = Counter(
        (message["channel_id"], (embed.get("url") or "").rpartition("#")[2])
        for message in posts
        for embed in message["embeds"][:1]
        if "#" in (embed.get("url") or "")
    )
    if again := [mark for mark, count in marks.items() if count > 1]:
        yield f"{len(again)} posts are in their channel twice"


async def _nothing_gone(arena: Arena, messages: list[dict[str, Any]]) -> list[str]:
    """No message about a listing that was over for longer than the bot may leave it unasked."""
    skew = time.time() - (await arena.market.get("clock"))["now"]
    stamps = {message["id"]: message["created_at"] for message in messages}
    rows = arena.records.rows(
        "SELECT a.listing_hash, p.message_id FROM alerts a JOIN posts p ON p.id = a.post_id "
        "WHERE a.state = 'delivered'"
    )
    hashes = sorted({hash_ for hash_, _ in rows})
    truths: dict[str, Any] = {}
    for begin in range(0, len(hashes), 50):
        truths |= await arena.market.get("truth", hash=",".join(hashes[begin : begin + 50]))
    late = []
    for hash_, message_id in rows:
        closed = (truths.get(hash_) or {}).get("closed_at")
        posted = stamps.get(message_id)
        if closed and posted and posted > closed + skew + LATE_S + GRACE_S:
            late.append(hash_)
    return [f"{len(late)} alerts told of listings that were over"] if late else []


def _secrets(arena: Arena, messages: list[dict[str, Any]]) -> Iterator[str]:
    secrets = {API_KEY, SIGNING_KEY, str(arena.discord.info["token"])}
    texts = {f"log {number}": life.err + life.out for number, life in enumerate(arena.lives, 1)}
    texts["a message"] = "\n".join(str(message) for message in messages)
    with suppress(OSError):
        texts["the database"] = arena.database.read_bytes().decode(errors="replace")
    for place, text in texts.items():
        if any(secret in text for secret in secrets):
            yield f"a secret is in {place}"
