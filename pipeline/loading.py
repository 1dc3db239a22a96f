"""A stored version made ready to serve, after it has shown that it still computes what was trained.

The compiled copy of its members answers the rows that are stored with their own answers. Where it does
not reproduce them, scikit-learn's members serve in its place, if they do: right and slow is better than
nothing, and the log says so.
"""

from __future__ import annotations

import structlog

from models.registry import Card, Registry, RegistryError
from models.serving import TOLERANCE, Ensemble
from pipeline.appraisal.appraiser import Appraiser
from pipeline.appraisal.features import NAMES
from pipeline.appraisal.state import MarketState

log = structlog.get_logger(__name__)


def load_appraiser(registry: Registry, version: str | None = None) -> tuple[Card, Appraiser]:
    """The champion, or a named version, ready to serve. Raises RegistryError with the reason."""
    card, artefact = registry.load(version or registry.champion())
    try:
        ensemble, flips, selling = artefact["ensemble"], artefact["flips"], artefact["selling"]
        state = MarketState.restore(artefact["state"])
        if ensemble.feature_names != NAMES:
            raise ValueError("its features are not those of this program")
        off = ensemble.deviation()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RegistryError(f"model {card.version} cannot serve here ({error}): retrain") from error
    if off > TOLERANCE:
        ensemble = _uncompiled(registry, card.version, ensemble, off)
        log.warning(
            "the compiled copy of the model does not compute what was trained: scikit-learn's members "
            "serve in its place, which takes many times as long; retrain",
            version=card.version,
            off_by=off,
        )
    return card, Appraiser(ensemble, state, flips, selling, card.version)


def _uncompiled(registry: Registry, version: str, ensemble: Ensemble, off: float) -> Ensemble:
    """The ensemble as its members compute it; RegistryError where these are not right either."""
    wrong = f"model {version} cannot serve here: it no longer computes what was trained (off by {off:.2g})"
    try:
        own = ensemble.uncompiled(registry.members(version))
    except RegistryError as error:
        raise RegistryError(f"{wrong}, and {error}: retrain") from error
    if (still := own.deviation()) > TOLERANCE:
        raise RegistryError(f"{wrong}, nor do its members (off by {still:.2g}): retrain")
    return own
