"""No server sees or changes what is another's, and who lacks the right changes nothing: every command, every
button, menu and form, tried with numbers of the other server's things."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cogs import watch_forms
from tests.cogs.conftest import clock, env, services, workers, world
from tests.cogs.conftest import settings as bot_settings
from tests.cogs.world import World
from tests.security.intruders import MARK, Scene, ids, options, scene

__all__ = ["clock", "env", "services", "workers", "world"]
settled = pytest.fixture(name="settings")(bot_settings.__wrapped__)  # type: ignore[attr-defined]

CLAIMS = {
    "claims",
    "posts",
}  # whoever reads an alert may say that they are on it, which its message then shows
APOLOGY = "Something went wrong on the bot"  # what a person is told where it was not foreseen
TRY = settings(
    max_examples=2,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
async def two(world: World) -> Scene:
    return await scene(world)


def custom_ids(two: Scene) -> st.SearchStrategy[str]:
    """What every kind of button and menu carries, with numbers of the first server's things."""
    id_ = ids(two).map(str)
    acts = [*watch_forms.FORMS, "edit", "pause", "resume", "test", "remove", "restore"]
    alert = st.sampled_from(["why", "mine", "release", "mute", "hush"])
    return st.one_of(
        st.tuples(alert, id_).map(lambda t: f"alert:{t[0]}:{t[1]}"),
        id_.map(lambda id_: f"post:pick:{id_}:0"),
        id_.map(lambda id_: f"mute:end:{id_}"),
        st.tuples(st.sampled_from(acts), id_).map(lambda t: f"watch:{t[0]}:{t[1]}"),
        id_.map(lambda id_: f"audit:{id_}"),
        id_.map(lambda id_: f"train:cancel:{id_}"),
        st.just("model:back:20200101-000000-aaaaaa"),
        st.just("lookone"),
        st.just("setup:start"),
        st.tuples(st.just(two.world.guild.id), st.sampled_from([two.boss.id, two.visitor.id])).map(
            lambda t: f"delete-data:{t[0]}:{t[1]}"
        ),
    )


async def every_command(two: Scene, person: Any, data: st.DataObject) -> int:
    """One try of each; how many there were."""
    leaves = two.leaves()
    for name, leaf in leaves:
        chosen = data.draw(options(two, person, leaf), label=name)
        await person.slash(two.hall_of(person), name, **chosen)
        for option in leaf.get("options") or []:
            if option.get("autocomplete"):
                typed = data.draw(st.sampled_from(["", "b", "Bargains", str(two.watch.id)]))
                needed = {key: value for key, value in chosen.items() if key != option["name"]}
                await person.autocomplete(two.hall_of(person), name, option["name"], typed, **needed)
    return len(leaves)


async def every_component(two: Scene, person: Any, data: st.DataObject, count: int = 12) -> None:
    """Some forged presses, choices and forms."""
    for _ in range(count):
        custom_id = data.draw(custom_ids(two))
        values = data.draw(st.none() | ids(two).map(lambda id_: [str(id_)]) | st.just(["seller:1h"]))
        await two.forge(person, custom_id, values)
        form = data.draw(st.sampled_from(watch_forms.FORMS))
        fields = {"min_net": "1", "name": "Taken", "classes": "Plant"}
        await two.submit(person, f"watchform:{form}:{data.draw(ids(two))}", fields)


@pytest.mark.parametrize("who", ["boss", "keeper", "visitor"])
@TRY
@given(data=st.data())
async def test_no_server_sees_or_changes_what_is_anothers(two: Scene, who: str, data: st.DataObject) -> None:
    person, guild = getattr(two, who), two.world.guild.id
    before, since = await two.rows(guild), two.requests
    assert before["watches"]
    assert before["alerts"]
    assert before["claims"]
    assert await every_command(two, person, data) > 25
    assert APOLOGY not in two.said(since), "what a member may type is no fault of the bot's"
    await every_component(two, person, data)
    two.world.env.errors.clear()
    said = two.said(since)
    for secret in two.secrets:
        assert secret not in said
    after = await two.rows(guild)
    for table, rows in before.items():
        assert after[table] == rows, table


@pytest.mark.parametrize("who", ["member", "visitor"])
@TRY
@given(data=st.data())
async def test_who_lacks_the_right_changes_nothing(two: Scene, who: str, data: st.DataObject) -> None:
    person = getattr(two, who, None) or getattr(two.world, who)
    before = await two.rows(None)
    await every_command(two, person, data)
    after = await two.rows(None)
    for table, rows in before.items():
        assert after[table] == rows, table
    await every_component(two, person, data)
    two.world.env.errors.clear()
    after = await two.rows(None)
    for table, rows in before.items():
        assert table in CLAIMS or after[table] == rows, table


async def test_what_these_tests_look_for_is_there_to_be_seen(two: Scene) -> None:
    since, manager, guild = two.requests, two.world.manager, two.world.guild.id
    await manager.slash(two.world.channel, "watch list")
    assert MARK in two.said(since)
    before = await two.rows(guild)

    async def changed(table: str) -> bool:
        nonlocal before
        former, before = before, await two.rows(guild)
        return former[table] != before[table]

    await manager.slash(two.world.channel, "watch pause", name=two.watch.name)
    assert await changed("watches")
    await two.forge(manager, f"watch:resume:{two.watch.id}", None)
    assert await changed("watches")
    await two.forge(manager, f"mute:end:{two.mute}", None)
    assert await changed("mutes")
    await two.forge(manager, f"alert:mine:{two.alerts[1]}", None)
    assert await changed("claims")
    await two.submit(manager, f"watchform:thresholds:{two.watch.id}", {"min_net": "7"})
    assert await changed("watches")
