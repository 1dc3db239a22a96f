"""Side data: what the marketplace's API does not tell and a website does, as small dated tables.

A source is an adapter that reads one table; the table is stored under the day from which it holds and
joined as of a moment, so that nothing is learnt from what was not yet so. A source that is down or has
changed costs its features, never the run that asks it.
"""

from pipeline.side.gather import SideSource, gather
from pipeline.side.strengths import (
    PartStrength,
    PartStrengths,
    part_strength_tables,
    part_strengths,
)
from pipeline.side.tables import Dated, SideError, held_at

__all__ = [
    "Dated",
    "PartStrength",
    "PartStrengths",
    "SideError",
    "SideSource",
    "gather",
    "held_at",
    "part_strength_tables",
    "part_strengths",
]
