"""Makes simcord's page open on the newest message and stay with it, as a chat does.

As it comes, the page opens on the oldest message if there are any, and guesses from its geometry whether its
reader is at the end: a message taller than a pixel, or a picture that arrives, loses the end. Here only a
reader who scrolls leaves the end, and the answer to a command is held in view while messages go on arriving.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

# Each is found in simcord's timeline.js exactly once, and what takes its place.
CHANGES = (
    # A position that the script itself has set is not a reader's wish.
    (
        'if (!state.ready && state.scrollIntent?.policy === "target") return;',
        "if (ui.timeline.scrollTop === written) return;\n    written = null;",
    ),
    (
        "let correction = null;",
        'let correction = null, written = null;\n  ui.timeline.style.overflowAnchor = "none";\n'
        '  const held = () => ({ ...captureScrollIntent(), policy: "anchor" });',
    ),
    (
        'else ui.timeline.scrollTop = intent.oldScrollTop || 0;\n    }',
        'else ui.timeline.scrollTop = intent.oldScrollTop || 0;\n    }\n    written = ui.timeline.scrollTop;',
    ),
    # Where the reader is changes by scrolling, not by what arrives.
    (
        'if (state.scrollIntent?.policy !== "target") state.scrollIntent = captureScrollIntent();\n',
        'if (state.scrollIntent?.policy === "anchor") state.scrollIntent = held();\n',
    ),
    (
        'if (state.scrollIntent?.policy === "target") state.scrollIntent = captureScrollIntent();\n',
        'if (state.scrollIntent?.policy === "target") state.scrollIntent = held();\n',
    ),
    (": state.scrollIntent || captureScrollIntent();", ': state.scrollIntent || { policy: "bottom" };'),
    # Near the end is at the end, and the way there is taken at once.
    ("ui.timeline.clientHeight <= 1 ?", "ui.timeline.clientHeight <= 60 ?"),
    (
        'state.scrollIntent = { policy: "bottom" };\n',
        'state.scrollIntent = { policy: "bottom" };\n    reconcileScrollIntent();\n',
    ),
)  # fmt: skip


def follow_the_end(script: str) -> str:
    """simcord's timeline.js, changed; `RuntimeError` if it is not the script that this was written for."""
    for old, new in CHANGES:
        if script.count(old) != 1:
            raise RuntimeError(f"simcord's timeline.js has changed: {old!r} is not in it once")
        script = script.replace(old, new)
    return script


def serve_following(server: Any) -> None:
    """Serve the changed script in the place of simcord's, by the preview's own server."""
    original = server._static

    async def static(request: web.Request) -> web.StreamResponse:
        response: web.Response = await original(request)
        if request.path == "/timeline.js" and response.text is not None:
            response.text = follow_the_end(response.text)
        return response

    server._static = static
