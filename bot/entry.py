"""The way into the `axieflip` command and out of it: what ends it becomes a sentence and an exit code.

2: an option or a setting is missing or wrong, or another bot runs already; 1: anything else went wrong; 130
and 143: it was stopped.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from importlib.metadata import entry_points

from bot import log
from bot.cli import app
from bot.errors import AlreadyRunning, AxieflipError, SettingsError
from bot.log import say
from bot.stopping import Terminated
from pipeline import garbage

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EIO}


def _plug_in() -> None:
    """Add the commands that other installed parts offer."""
    for entry in entry_points(group="axieflip.commands"):
        try:
            app.command(name=entry.name)(entry.load())
        except ImportError as error:
            app.command(name=entry.name, help="Not installed.")(_missing(entry.name, error))


def _missing(name: str, error: ImportError) -> Callable[[], None]:
    def explain() -> None:
        raise AxieflipError(f"`axieflip {name}` needs packages that are not installed ({error}): make {name}")

    return explain


def main() -> None:
    """Entry point of the console command."""
    garbage.spare()
    log.begin()  # standard output is for results, also before the settings say how the log looks
    _plug_in()
    try:
        app()
    except (AlreadyRunning, SettingsError) as error:
        say(str(error))
        sys.exit(2)
    except AxieflipError as error:
        say(str(error))
        sys.exit(1)
    except OSError as error:
        if error.errno not in _FULL:
            log.fault(error)
            sys.exit(1)
        say(f"The output could not be written: {error.strerror}.")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Terminated:
        say("Stopped before it was done; the next run goes on from what is stored.")
        sys.exit(143)
    except Exception as error:  # a traceback of Python's own would go past the redactor
        log.fault(error)
        sys.exit(1)
