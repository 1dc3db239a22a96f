"""The agreement between a simulated world and who starts it: an address, or the reason why there is none."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sandbox.child import StartError, child


async def test_a_page_whose_port_is_taken_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = pytest.raises(
            StartError, match=rf"^Port {port} of the page cannot be opened \(Address already in use\)$"
        )
        with refused:
            async with child("sandbox.discord", [f"--preview-port={port}"]):
                pytest.fail("it was opened twice")


async def test_a_market_whose_state_is_spoiled_says_so(tmp_path: Path) -> None:
    state = tmp_path / "market.state"
    state.write_text("spoiled")
    with pytest.raises(StartError, match=r"market\.state does not hold a saved world"):
        async with child("sandbox.marketplace", [f"--state={state}"]):
            pytest.fail("it went on from nonsense")


async def test_a_world_that_ends_without_a_word_is_named_with_its_status() -> None:
    with pytest.raises(StartError, match=r"sandbox\.marketplace ended with status 2"):
        async with child("sandbox.marketplace", ["--speed=nonsense"]):
            pytest.fail("it understood")
