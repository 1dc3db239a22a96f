"""Errors whose message a person may read.

Everything raised from here says what is wrong and what to do, and never contains a secret; commands,
the command line and the HTTP endpoints show the text as it is. Any other exception is a fault.
"""

from __future__ import annotations


class AxieflipError(Exception):
    """Something that the person in front of the bot can understand or put right."""


class SettingsError(AxieflipError):
    """The environment, `.env` or the command line does not describe what can run; one sentence a problem."""


class NotFound(AxieflipError):
    """What was asked for does not exist."""


class Conflict(AxieflipError):
    """What was asked for contradicts what exists."""


class LimitReached(AxieflipError):
    """There is no room for one more."""


class AlreadyRunning(AxieflipError):
    """The work that was asked for is being done already."""


class NoChampion(AxieflipError):
    """No model has been trained and promoted, so nothing can be priced."""


class SchemaError(AxieflipError):
    """The database cannot be brought to the schema of this version."""


class LeadershipLost(AxieflipError):
    """Another bot may act on the database now; this one must not until its turn comes again."""
