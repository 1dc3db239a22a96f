"""How messages and interactions look to whoever asks the control interface about them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from simcord.backend.models import Interaction, Message

from sandbox.discord.world import World


def show_message(world: World, message: Message) -> dict[str, Any]:
    """A message with its nonce and the states it has been edited to; times in seconds of the epoch."""
    author = world.backend.users[message.author_id]
    meta = message.interaction_metadata or {}
    return {
        "id": message.id,
        "channel_id": message.channel_id,
        "author_id": message.author_id,
        "author": author.global_name or author.name,
        "content": message.content,
        "embeds": message.embeds,
        "components": message.components,
        "attachments": message.attachments,
        "flags": message.flags,
        "ephemeral": message.is_ephemeral,
        "for_user_id": int(meta["user"]["id"]) if message.is_ephemeral and meta else None,
        "nonce": world.nonces.get(message.id),
        "created_at": datetime.fromisoformat(message.timestamp).timestamp(),
        "edited_at": datetime.fromisoformat(message.edited_timestamp).timestamp()
        if message.edited_timestamp
        else None,
        "edits": world.edits.get(message.id, []),
    }


def show_interaction(world: World, record: Interaction) -> dict[str, Any]:
    """An interaction and everything the bot has answered to it so far."""
    messages = world.backend.messages.get(record.channel_id, {})
    response = messages.get(record.message_id)
    followups = [messages[item] for item in record.followup_ids if item in messages]
    return {
        "interaction_id": record.id,
        "acknowledged": record.responded,
        "kind": str(record.response_kind.value) if record.response_kind else None,
        "ephemeral": record.ephemeral,
        "response": show_message(world, response) if response else None,
        "followups": [show_message(world, message) for message in followups],
        "modal": record.modal,
        "choices": record.autocomplete_choices,
    }
