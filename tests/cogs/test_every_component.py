"""Every button, menu and form, whichever there are: none is used by who may not, and none fails silently.

What each does is shown by the tests named here; a component that is registered and not named here is a fault.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import discord
import pytest
from discord import SelectOption, ui

from bot.client import create_bot
from bot.services.guild_settings import Area
from bot.services.history import Wanted
from cogs import watch_forms, welcome
from cogs.audit_page import AuditPage
from cogs.buttons import AlertButton, Pick
from cogs.looking import OneInFull, Table, Turn
from cogs.muting import MuteMenu, Unmute
from cogs.settings import DeleteData
from cogs.steering import Cancel, Rollback
from cogs.watch_buttons import WatchButton
from cogs.welcome import SetUp
from tests.cogs.world import World, text

FAULT = "Something went wrong"
NOBODY = 999_999  # the number of nothing
OPTIONS = [SelectOption(label="one", value="1"), SelectOption(label="other", value="nonsense")]

# By class: one that is about nothing, and the tests of what it does.
COMPONENTS: dict[type[ui.DynamicItem[Any]], tuple[Callable[[], Any], tuple[str, ...]]] = {
    AlertButton: (
        lambda: AlertButton("why", NOBODY, label="Why"),
        (
            "test_buttons.test_why_answers_the_asker_alone_with_the_sum_the_sales_and_a_plot",
            "test_buttons.test_why_is_answered_after_a_restart",
            "test_buttons.test_a_claim_is_given_back_by_pressing_again_after_a_restart_too",
            "test_buttons.test_who_manages_messages_can_release_a_claim",
            "test_buttons.test_what_is_over_cannot_be_claimed",
            "test_buttons.test_a_member_may_not_mute_and_is_told_who_may",
        ),
    ),
    Pick: (
        lambda: Pick(NOBODY, 0, OPTIONS),
        (
            "test_lists.test_what_is_chosen_is_shown_to_the_asker_alone_with_its_buttons",
            "test_lists.test_a_list_works_after_a_restart",
            "test_lists.test_a_choice_that_is_no_longer_on_record_says_so",
        ),
    ),
    MuteMenu: (
        lambda: MuteMenu(NOBODY, OPTIONS),
        (
            "test_buttons.test_what_is_muted_is_not_posted_and_comes_back_when_it_is_undone",
            "test_buttons.test_a_menu_works_after_a_restart_and_so_does_taking_it_back",
            "test_buttons.test_a_menu_whose_alert_or_watch_is_gone_says_what_to_do",
        ),
    ),
    Unmute: (
        lambda: Unmute(NOBODY),
        (
            "test_buttons.test_a_menu_works_after_a_restart_and_so_does_taking_it_back",
            "test_buttons.test_a_mute_that_has_ended_is_undone_without_complaint",
        ),
    ),
    WatchButton: (
        lambda: WatchButton("pause", NOBODY),
        (
            "test_watch_forms.test_a_watch_is_paused_and_resumed_by_its_buttons_after_a_restart",
            "test_watch_forms.test_a_watch_is_removed_by_its_button_and_comes_back",
            "test_watch_forms.test_a_button_asks_again_who_presses_it",
        ),
    ),
    Turn: (
        lambda: Turn(Wanted(NOBODY), "o", "x.x"),
        (
            "test_predictions.test_one_pages_through_by_buttons_that_survive_a_restart",
            "test_predictions.test_a_button_of_a_page_that_makes_no_sense_is_refused",
        ),
    ),
    Table: (lambda: Table(Wanted(NOBODY)), ("test_predictions.test_the_table_comes_as_a_file",)),
    OneInFull: (
        lambda: OneInFull(OPTIONS),
        ("test_predictions.test_one_of_the_page_is_shown_in_full_to_the_asker_alone",),
    ),
    Cancel: (
        lambda: Cancel(NOBODY),
        (
            "test_model.test_a_training_is_cancelled_by_whoever_may_and_the_message_says_who_it_was",
            "test_model.test_a_training_that_has_just_ended_cannot_be_cancelled",
        ),
    ),
    Rollback: (
        lambda: Rollback("20200101-000000-aaaaaa"),
        (
            "test_versions.test_a_rollback_is_confirmed_and_leads_to_the_one_before",
            "test_versions.test_a_rollback_is_refused_to_others_and_where_the_version_is_unknown",
        ),
    ),
    AuditPage: (
        lambda: AuditPage(1),
        ("test_settings.test_the_log_is_read_in_pages_after_a_restart_too",),
    ),
    DeleteData: (
        lambda: DeleteData(NOBODY, NOBODY),
        (
            "test_settings.test_all_data_is_deleted_once_it_is_confirmed",
            "test_settings.test_who_may_no_longer_cannot_confirm",
        ),
    ),
    SetUp: (
        SetUp,
        (
            "test_welcome.test_the_form_makes_a_first_watch_with_or_without_a_restart_between",
            "test_welcome.test_only_who_may_add_a_watch_gets_the_form",
        ),
    ),
}
FORMS = {
    "watchform:thresholds": "test_watch_forms.test_the_form_of_thresholds_is_taken_after_a_restart",
    "watchform:filters": "test_watch_forms.test_the_form_of_filters_takes_menus_lists_and_ranges",
    "watchform:more": "test_watch_forms.test_the_form_of_more_takes_tokens_purity_level_and_pings",
    "watchform:delivery": "test_watch_forms.test_the_form_of_the_delivery_moves_renames_and_quiets",
    welcome.FORM: "test_welcome.test_the_form_makes_a_first_watch_with_or_without_a_restart_between",
}


async def test_every_component_that_is_registered_has_its_tests(world: World) -> None:
    registered = set(world.bot._connection._view_store._dynamic_items.values())
    assert {each.__name__ for each in registered} == {each.__name__ for each in COMPONENTS}
    assert {f"watchform:{each}" for each in watch_forms.FORMS} | {welcome.FORM} == set(FORMS)
    for name in [*FORMS.values(), *(name for _, names in COMPONENTS.values() for name in names)]:
        module, _, function = name.partition(".")
        try:
            test = attrgetter(function)(importlib.import_module(f"tests.cogs.{module}"))
        except AttributeError:
            pytest.fail(f"there is no test {name}")
        assert inspect.iscoroutinefunction(test)


async def pressed(world: World, person: Any) -> dict[str, Any]:
    """Let somebody use each component, of messages from a former life of the bot; the answers by class."""
    channel: Any = world.bot.get_channel(world.channel.id)
    messages = {}
    for class_, (made, _) in COMPONENTS.items():
        view = ui.View(timeout=None)
        view.add_item(made())
        messages[class_.__name__] = await channel.send("Use it.", view=view)
    await world.env.restart_bot(create_bot(world.services, shard_count=1))
    answers = {}
    for name, message in messages.items():
        (item,) = message.components[0].children
        if isinstance(item, discord.SelectMenu):
            answers[name] = await person.select(message, ["1"])
        else:
            answers[name] = await person.click(message, custom_id=item.custom_id)
    return answers


async def test_whom_reading_is_kept_from_can_use_none(world: World) -> None:
    role = world.guild.create_role("Readers")
    await world.services.guilds.grant(world.guild.id, 1, Area.READING, role.id)
    for name, result in (await pressed(world, world.member)).items():
        assert result.ephemeral, name
        assert f"You need the role <@&{role.id}>" in text(result), name


async def test_one_that_is_about_nothing_any_more_says_so(world: World) -> None:
    role = world.guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
    person = world.guild.add_member(world.env.create_user("ada"), roles=[role])
    for name, result in (await pressed(world, person)).items():
        assert result.acknowledged, name
        if result.modal is None:
            assert FAULT not in text(result), name
