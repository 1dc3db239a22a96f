"""The worker beside the bot and the terminal's Ctrl-C, which reaches both."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

INTERRUPTED = """
import asyncio, os, signal
from bot.services.workers import Workers


async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: None)
    workers = Workers()
    asked = asyncio.create_task(workers.run(os.getpid))
    while workers._pool is None or not workers._pool._processes:
        await asyncio.sleep(0)
    os.killpg(0, signal.SIGINT)
    print((await asked) != os.getpid())
    workers.close()


if __name__ == "__main__":
    asyncio.run(main())
"""


def test_a_worker_that_is_starting_hears_no_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(INTERRUPTED)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "main.py")],
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 0)
