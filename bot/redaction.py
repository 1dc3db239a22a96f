"""Takes secrets out of text: the known ones, however they are written, and what looks like one.

It works on finished text, exceptions included, so that nothing that is logged can go round it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MARK = "[secret]"
# A password of fewer characters is part of ordinary words, whose loss would make the log unreadable and tell
# the password; in an address it is taken out by its place.
SHORTEST = 8

_PATTERNS = (
    # Discord: three parts of base64url, the first the bot's id.
    (re.compile(r"\b[\w-]{23,30}\.[\w-]{6,7}\.[\w-]{27,}"), MARK),
    # The token of a webhook or an interaction, in an address.
    (re.compile(r"(/(?:webhooks|interactions)/\d+/)[\w-]{20,}"), rf"\1{MARK}"),
    # A header or field that carries a secret, in any notation: `Authorization: Bot x`, `'x-api-key': 'x'`.
    (
        re.compile(
            r"""((?:\b|_|-)(?:proxy-)?(?:authorization|api[-_]?key)\b\\?["']?(?:\s*[:=]\s*|\s*,\s*(?=b?["'])))"""
            r"""(?:b?\\?["'])?(?:(?:bot|bearer|basic)\s+)?[^\s"',}\\]+""",
            re.IGNORECASE,
        ),
        rf"\1{MARK}",
    ),
    (re.compile(r"\b(Bot|Bearer)\s+[\w.~+/=-]{16,}"), rf"\1 {MARK}"),
    # The password in an address.
    (re.compile(r"(\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@]*:)[^\s/@]+@", re.IGNORECASE), rf"\1{MARK}@"),
)


class Redactor:
    """Replaces secrets in text by a mark."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        written = {form for secret in secrets for form in _forms(secret) if len(form) >= SHORTEST}
        # The longest first: a secret that contains another one goes as a whole.
        longest_first = sorted(written, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if written else None

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub(MARK, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text


def _forms(secret: str) -> set[str]:
    """The secret as it is, as Python and JSON write it in quotes, and as an address writes it."""
    return {
        secret,
        secret.strip(),
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe="", errors="replace"),
        quote(secret, errors="replace"),
        quote_plus(secret, errors="replace"),
    }
