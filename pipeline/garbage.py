"""When Python looks for garbage: seldom while a process starts, and not at all when it ends.

Imports leave next to none, and whatever is left at the end goes with the process; to look for it among all
that a bot has loaded took a quarter of the processor time of a short command.
"""

from __future__ import annotations

import atexit
import gc
from typing import Final

_USUAL: Final = gc.get_threshold()
_SELDOM: Final = (100_000, 50, 100)


def spare() -> None:
    """From now on look seldom, and at the end of the process no more; `settle` makes it usual again."""
    gc.set_threshold(*_SELDOM)
    atexit.register(gc.freeze)


def settle() -> None:
    """Once all is loaded: it stays, so it is never looked through again; what comes now is, as usual.

    Else every alert would be held up for a tenth of a second now and then, and for longer the larger the
    model is.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_USUAL)
