"""The tools of `make security` find what they are there for, and say so where they cannot look."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from deploy.security import __main__ as tools
from deploy.security.advisories import unusable

HOLE = {
    "id": "GHSA-made-up",
    "summary": "a hole for this test",
    "affected": [{"package": {"name": "aiohttp", "ecosystem": "PyPI"}}],
}


@asynccontextmanager
async def advisories(answer: Callable[[dict[str, Any]], web.Response]) -> AsyncIterator[str]:
    """A source of advisories on loopback that gives these answers."""

    async def query(request: web.Request) -> web.Response:
        return answer(json.loads(await request.read()))

    app = web.Application()
    app.router.add_post("/v1/query", query)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1/query"
    finally:
        await runner.cleanup()


def lock(folder: Path, requirement: str) -> str:
    path = folder / "lock.txt"
    path.write_text(f"{requirement} --hash=sha256:{'0' * 64}\n")
    return str(path)


async def audited(url: str, lock: str) -> tuple[bool, str]:
    return await asyncio.to_thread(tools.packages, url, [lock])


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda _: web.json_response({}), "does not know the holes"),
        (lambda _: web.json_response([]), "does not know the holes"),
        (lambda _: web.Response(text="<html>"), "cannot be had"),
        (lambda _: web.Response(status=403), "HTTP 403"),
    ],
)
async def test_a_source_that_knows_nothing_is_not_taken_for_good_news(
    answer: Callable[[Any], web.Response], why: str, tmp_path: Path
) -> None:
    async with advisories(answer) as url:
        passed, said = await audited(url, lock(tmp_path, "aiohttp==3.9.0"))
    assert passed
    assert said.startswith("NOT RUN: ")
    assert why in said
    assert ".venv/bin/pip-audit " in said


async def test_a_source_that_is_not_there_is_named() -> None:
    async with advisories(lambda _: web.json_response({})) as url:
        pass
    assert "cannot be had" in (await asyncio.to_thread(unusable, url) or "")


async def test_a_locked_package_with_a_published_hole_is_named(tmp_path: Path) -> None:
    def answer(asked: dict[str, Any]) -> web.Response:
        hit = asked["package"]["name"] == "aiohttp" and asked["version"] == "3.9.0"
        return web.json_response({"vulns": [HOLE]} if hit else {})

    async with advisories(answer) as url:
        passed, said = await audited(url, lock(tmp_path, "aiohttp==3.9.0"))
        assert (passed, "GHSA-made-up" in said) == (False, True), said
        assert (await audited(url, lock(tmp_path, "aiohttp==3.14.5")))[0]


def test_a_secret_in_a_tracked_file_is_found_and_a_sample_is_not(tmp_path: Path) -> None:
    leak, innocent = tmp_path / "leak.py", tmp_path / "innocent.py"
    leak.write_text(f'key = "{"AKIA" + "Z7VRSQ5TJN2XMPLQ"}"\n')
    innocent.write_text('key = "a sentence"\n')
    passed, said = tools.secrets([str(leak)])
    assert (passed, "AWS Access Key" in said, "pragma: allowlist secret" in said) == (False, True, True)
    assert tools.secrets([str(innocent)]) == (True, "nothing found")
