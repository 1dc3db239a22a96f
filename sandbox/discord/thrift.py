"""Makes simcord's page cheap enough to publish at every change of a busy channel.

As it comes, one publication builds a Markdown parser for every field of every message and summarises the
whole history: 0.4 s with 50 alerts, growing with each, while the bot waits for its answers. Texts that refer
to nobody are therefore parsed once, and the list at the side covers the newest messages only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from simcord.preview import _component_projection, _messages, _queries, _snapshot
from simcord.preview._markdown import markdown_tokens

LISTED = 50
# A text with none of these means the same in every message: no mention, custom emoji, command or spoiler.
_REFERRING = re.compile(r"<(?:[@#/]|a?:)|@|\|\|")


@lru_cache(maxsize=8_192)
def _parsed(text: str, profile: str) -> str:
    return json.dumps(markdown_tokens(text, profile))


def _tokens(
    value: Any, profile: str = "message", *, context: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """`markdown_tokens`, remembered where the context cannot matter; always a fresh list."""
    if not isinstance(value, str) or _REFERRING.search(value):
        fresh: list[dict[str, Any]] = markdown_tokens(value, profile, context=context)
        return fresh
    remembered: list[dict[str, Any]] = json.loads(_parsed(value, profile))
    return remembered


def _navigation(preview: Any, page: Any, visible: list[Any]) -> Any:
    """The list at the side: the newest messages, or a search through all of them."""
    return _queries._message_navigation(
        preview, page, visible if page.navigation_query else visible[-LISTED:]
    )


def economise() -> None:
    """Put both in simcord's place, for this process; doing it again changes nothing."""
    for module in (_component_projection, _messages, _queries, _snapshot):
        module.markdown_tokens = _tokens
    _snapshot._message_navigation = _navigation
