"""Changes two of simcord's scripts, so that its page behaves as a chat that moves while somebody uses it.

The timeline opens on the newest message and stays with it until its reader scrolls; the answer to one's own
command is brought into view and held there while messages go on arriving. An action that is taken while the
page is busy with another, or about to show a newer snapshot, is carried out next; as it comes, it is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

# A reader scrolls by wheel, finger, key or scrollbar. Nothing else tells a reader's wish: the browser scrolls
# by itself where the end moves up, and what arrives in the same moment makes that look like a step back.
_READER: Final = """
  ui.timeline.style.overflowAnchor = "none";
  let touched = -Infinity;
  const touch = () => { touched = performance.now(); };
  const release = () => { if (touched === Infinity) touch(); };
  const byReader = () => performance.now() - touched < 1500;
  for (const kind of ["wheel", "touchmove"]) ui.timeline.addEventListener(kind, touch, { passive: true });
  ui.timeline.addEventListener("pointerdown", (event) => {
    if (event.target === ui.timeline) touched = Infinity;
  });
  ui.timeline.addEventListener("scrollend", release);
  window.addEventListener("pointerup", release);
  window.addEventListener("keydown", (event) => {
    if (event.key === "Tab" || ui.timeline.contains(event.target)) touch();
  }, true);
"""
# The newest message of a snapshot that is new to the page and answers its viewer.
_ANSWER: Final = """
  const answerTo = (snapshot, ids, known, newest) => {
    if (!known.length) return null;
    const id = ids.findLast((each) => !known.includes(each) && BigInt(each) > BigInt(newest)
      && (snapshot.messages?.[each]?.ephemeral
        || String(snapshot.messages?.[each]?.interaction_header?.user?.id) === String(snapshot.viewerId)));
    return id ? { policy: "target", targetId: id } : null;
  };
"""
# In each script each text is found exactly once, and what takes its place.
CHANGES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "timeline.js": (
        ("let correction = null;", f"let correction = null;{_READER}{_ANSWER}"
         '  const held = () => ({ ...captureScrollIntent(), policy: "anchor" });'),
        ('if (!state.ready && state.scrollIntent?.policy === "target") return;', "if (!byReader()) return;"),
        # Where the reader is changes by scrolling, not by what arrives.
        (
            'if (state.scrollIntent?.policy !== "target") state.scrollIntent = captureScrollIntent();\n',
            'if (state.scrollIntent?.policy === "anchor") state.scrollIntent = held();\n',
        ),
        ('if (state.scrollIntent?.policy === "target") state.scrollIntent = captureScrollIntent();\n', "\n"),
        (
            ": state.scrollIntent || captureScrollIntent();",
            ": answerTo(snapshot, ids, previousIds, lastPrevious)"
            ' || state.scrollIntent || { policy: "bottom" };',
        ),
        (
            'hasNewTail) && state.scrollIntent?.policy === "anchor")',
            'hasNewTail) && state.scrollIntent?.policy !== "bottom"'
            " && state.scrollIntent?.targetId !== ids.at(-1))",
        ),
        # An answer that was dismissed, or left the page, holds nobody.
        (
            "if (!target) return;",
            'if (!target) { state.scrollIntent = { policy: "bottom" }; reconcileScrollIntent(); return; }',
        ),
        # Near the end is at the end, and the way there is taken at once.
        ("ui.timeline.clientHeight <= 1 ?", "ui.timeline.clientHeight <= 60 ?"),
        # Whoever asks for the end has done with scrolling, however lately that was.
        (
            'state.scrollIntent = { policy: "bottom" };\n',
            'state.scrollIntent = { policy: "bottom" };\n    touched = -Infinity;\n'
            "    reconcileScrollIntent();\n",
        ),
    ),
    "actions.js": (
        (
            "let busyDeferred = false;",
            "let busyDeferred = false;\n  /** @type {[string, ActionBody, ActionMetadata | null] | null} */"
            "\n  let waiting = null;",
        ),
        (
            "if (pageAction(kind)) pageIntent(kind, extra); return; }\n    if (uncertain) {",
            "if (pageAction(kind)) pageIntent(kind, extra);"
            " else if (pending) waiting = [kind, extra, metadata]; return; }\n    if (uncertain) {",
        ),
        (
            "awaitingRevision > context.publishedRevision) return;\n    beforePage",
            "awaitingRevision > context.publishedRevision)"
            " { waiting = [kind, extra, metadata]; return; }\n    beforePage",
        ),
        (
            "  function drain() {\n",
            "  function drain() {\n    if (waiting && !pending && !uncertain) {"
            " const next = waiting; waiting = null; dispatch(...next); }\n",
        ),
        ("queries.clear(); latest.clear(); delete pages.focus;",
         "waiting = null; queries.clear(); latest.clear(); delete pages.focus;"),
    ),
}  # fmt: skip


def changed(name: str, script: str) -> str:
    """simcord's script of that name, changed; `RuntimeError` if it is not the one this was written for."""
    for old, new in CHANGES.get(name, ()):
        if script.count(old) != 1:
            raise RuntimeError(f"simcord's {name} has changed: {old!r} is not in it once")
        script = script.replace(old, new)
    return script


def serve_changed(server: Any) -> None:
    """Serve the changed scripts in the place of simcord's, by the preview's own server."""
    original = server._static

    async def static(request: web.Request) -> web.StreamResponse:
        response: web.Response = await original(request)
        name = request.path.removeprefix("/")
        if name in CHANGES and response.text is not None:
            response.text = changed(name, response.text)
        return response

    server._static = static
