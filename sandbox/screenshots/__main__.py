"""Entry of `make screenshots`."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from pathlib import Path
from typing import Final

import sandbox.screenshots
from sandbox.screenshots.lives import PAGE, live
from sandbox.screenshots.scenes import AT_ONCE, LATER

IMAGES: Final = Path(__file__).parents[2] / "docs" / "images"


def main() -> None:
    """Take the pictures; ends with status 1 if one is missing."""
    parser = argparse.ArgumentParser(prog="make screenshots", description=sandbox.screenshots.__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path("data/screenshots"), help="where the demo's data is kept"
    )
    parser.add_argument("--images", type=Path, default=IMAGES, help="where the pictures go")
    parser.add_argument(
        "--scene", action="append", choices=[PAGE, *AT_ONCE, *LATER], help="only this one (may be repeated)"
    )
    parser.add_argument("--hours", type=float, default=24.0, help="market hours to live through before")
    parser.add_argument("--browser", default="/usr/bin/chromium", help="a Chromium to photograph with")
    options = parser.parse_args()
    for folder in (options.data, options.images):
        folder.mkdir(parents=True, exist_ok=True)
    lives = [([PAGE, *AT_ONCE], None), (list(LATER), options.hours)]
    status = 0
    # Each life of the bot has a process of its own, as it has elsewhere.
    for scenes, hours in lives:
        names = [name for name in scenes if not options.scene or name in options.scene]
        if names:
            given = (options.data, options.images, names, options.browser, hours)
            life = multiprocessing.get_context("spawn").Process(target=live, args=given)
            life.start()
            life.join()
            status = status or life.exitcode or 0
    sys.exit(status)


if __name__ == "__main__":
    main()
