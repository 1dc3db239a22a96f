"""An unmodified discord.py bot in another process, over real sockets."""

import pytest

from sandbox.discord import Refused

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def slash(world, command, /, user="member", place="general", **options):
    return await world.post("slash", user=user, channel=place, command=command, options=options)


async def alert(world):
    return (await world.get("messages", channel="buy-signals"))[0]


async def test_the_bot_connects_syncs_its_commands_and_posts(world, bot):
    status = await world.get("status")
    message = await alert(world)
    assert [session["shard"] for session in status["sessions"]] == [0]
    assert {"ping", "think", "watch"} <= set(status["commands"])
    assert message["embeds"][0]["title"] == "Axie #123 at $4.20"
    assert message["nonce"]


async def test_a_slash_command_reaches_the_bot_and_its_answer_comes_back(world, bot):
    result = await slash(world, "ping")
    assert (result["kind"], result["response"]["content"], result["ephemeral"]) == ("message", "pong", False)


async def test_an_ephemeral_answer_is_not_among_the_channel_messages(world, bot):
    result = await slash(world, "whisper")
    shown = await world.get("messages", channel="general")
    hidden = await world.get("messages", channel="general", ephemeral=1)
    assert result["ephemeral"]
    assert result["response"]["for_user_id"] == world.info["member_user_id"]
    assert result["response"]["id"] not in [message["id"] for message in shown]
    assert result["response"]["id"] in [message["id"] for message in hidden]


async def test_a_deferred_answer_is_waited_for(world, bot):
    result = await slash(world, "think", seconds=0.3)
    assert result["finished"]
    assert result["response"]["content"] == "thought for 0.3 s"
    assert result["acknowledged_ms"] < 300


async def test_a_command_that_is_never_answered_is_given_up_after_three_seconds(world, bot):
    result = await slash(world, "sulk")
    assert not result["acknowledged"]
    assert 2_900 < result["acknowledged_ms"] < 4_000


async def test_groups_channels_and_numbers_arrive_as_the_bot_declared_them(world, bot):
    result = await slash(world, "watch add", kind="beast", channel="quiet", profit=2.5)
    assert result["response"]["content"] == f"watching beast in <#{world.channels['quiet']}> above $2.50"


async def test_autocomplete_asks_the_bot(world, bot):
    choices = await world.post(
        "autocomplete", user="admin", channel="general", command="watch add", option="kind", value="pl"
    )
    assert choices == [{"name": "Plant", "value": "plant"}]


async def test_a_persistent_button_answers_in_private(world, bot):
    message = await alert(world)
    result = await world.post("click", user="member", message=message["id"], custom_id="sample:snooze")
    assert result["response"]["content"] == "Snoozed for an hour."
    assert result["ephemeral"]


@pytest.mark.parametrize(
    ("button", "kind", "content"),
    [("sold", "update", "It is sold."), ("later", "deferred_update", "Edited later.")],
)
async def test_a_button_edits_its_message_at_once_or_later(world, bot, button, kind, content):
    message = await alert(world)
    result = await world.post("click", user="member", message=message["id"], custom_id=f"sample:{button}")
    after = await alert(world)
    assert (result["kind"], result["finished"]) == (kind, True)
    assert (after["id"], after["content"], after["edits"][-1]["content"]) == (message["id"], content, content)


async def test_a_modal_is_opened_and_submitted(world, bot):
    message = await alert(world)
    opened = await world.post("click", user="member", message=message["id"], custom_id="sample:note")
    result = await world.post(
        "modal", user="member", interaction=opened["interaction_id"], values={"text": "bred twice"}
    )
    assert opened["modal"]["title"] == "A note"
    assert result["response"]["content"] == "Noted: bred twice"


async def test_a_file_is_received_with_its_description(world, bot):
    (attachment,) = (await slash(world, "chart"))["response"]["attachments"]
    assert (attachment["filename"], attachment["description"], attachment["size"]) == (
        "chart.txt",
        "a chart",
        20,
    )


async def test_a_lost_answer_and_a_retry_under_the_same_nonce_give_one_message(world, bot):
    before = (await world.get("status"))["sessions"][0]["seq"]
    path = f"/channels/{world.channels['lossy']}/messages"
    await world.post("faults", kind="lost_answer", path=path)
    result = await slash(world, "once", place="lossy", nonce="alert-77")
    attempts = await world.get("requests", method="POST", path=path)
    (message,) = await world.get("messages", channel="lossy")
    assert before > 0
    assert result["response"]["content"] == f"message {message['id']} at attempt 2"
    assert message["nonce"] == "alert-77"
    assert [(entry["nonce"], entry["lost"]) for entry in attempts] == [
        ("alert-77", True),
        ("alert-77", False),
    ]


async def test_the_bot_keeps_to_the_rate_limit_of_a_channel(world, bot):
    result = await slash(world, "flood", place="flooded", count=7)
    entries = await world.get(
        "requests", method="POST", path=f"/channels/{world.channels['flooded']}/messages"
    )
    accepted = [entry["at"] for entry in entries if entry["status"] == 200]
    assert result["finished"]
    assert len(accepted) == 7
    assert all(later - earlier >= 4.99 for earlier, later in zip(accepted, accepted[5:], strict=False))


async def test_posting_where_the_bot_may_not_is_told_with_discords_codes(world, bot):
    await world.post("channel", id="doomed", delete=True)
    await world.post("channel", id="muted", deny=["send_messages"])
    doomed = await slash(world, "post", channel_id=str(world.channels["doomed"]))
    muted = await slash(world, "post", channel_id=str(world.channels["muted"]))
    await world.post("channel", id="muted", deny=[])
    again = await slash(world, "post", channel_id=str(world.channels["muted"]))
    assert doomed["followups"] == []
    assert doomed["response"]["content"] == "NotFound 404 10003"
    assert muted["response"]["content"] == "Forbidden 403 50013"
    assert again["response"]["content"] == "sent"


@pytest.mark.parametrize(
    ("fault", "resumes"),
    [
        ({"action": "reconnect"}, True),
        ({"action": "close", "code": 4000}, True),
        ({"action": "invalidate", "resumable": True}, True),
        ({"action": "invalidate"}, False),
        ({"action": "dead"}, True),
    ],
)
async def test_the_bot_comes_back_after_the_gateway_fails_it(world, bot, fault, resumes):
    before = await world.get("status")
    await world.post("faults", kind="gateway", **fault)
    grown = "resumed" if resumes else "identified"
    await world.wait(sessions=1, **{grown: before[grown] + 1})
    assert (await slash(world, "ping"))["response"]["content"] == "pong"
    after = await world.get("status")
    assert after["identified"] - before["identified"] == (not resumes)


async def test_an_outage_passes_and_the_bot_returns(world, bot):
    await world.post("faults", kind="outage", on=True)
    assert (await world.get("status"))["sessions"] == []
    await world.post("faults", kind="outage", on=False)
    await world.wait(sessions=1)
    assert (await slash(world, "ping"))["response"]["content"] == "pong"


async def test_what_a_person_cannot_do_is_refused_with_a_reason(world, bot):
    with pytest.raises(Refused, match="nonsense") as unknown:
        await slash(world, "nonsense")
    with pytest.raises(Refused, match="no user"):
        await slash(world, "ping", user="stranger")
    with pytest.raises(Refused, match="unknown field"):
        await world.post("slash", user="member", channel="general", command="ping", arguments={})
    assert unknown.value.status == 409
