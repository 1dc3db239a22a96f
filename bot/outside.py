"""What the settings name outside the process: object store, marketplace, pages, stored models, trainings.

A command that needs no more than these need not load the bot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bot.errors import SettingsError
from bot.settings import Settings
from models.registry import Registry
from pipeline.birth import Order
from pipeline.clock import Clock
from pipeline.market.budget import RequestLimits
from pipeline.market.client import MarketClient
from pipeline.market.proxy import Proxy
from pipeline.market.recorded import Recorder
from pipeline.market.watching import Client
from pipeline.objects import ObjectStore, StoreError, open_store
from pipeline.side import PartStrengths, SideSource


def open_objects(settings: Settings) -> ObjectStore:
    """The object store that the settings name. Raises SettingsError if it cannot be one."""
    try:
        return open_store(settings.object_store, settings.s3_endpoint_url)
    except StoreError as error:
        raise SettingsError(f"OBJECT_STORE cannot be used: {error}") from error


def open_market(
    settings: Settings, clock: Clock, timed: Callable[[str, float], None] | None = None
) -> MarketClient:
    """A client of the marketplace that the settings name, not yet connected."""
    limits = RequestLimits(settings.market_requests_per_minute, settings.market_requests_per_hour)
    proxy = Proxy.parse(settings.market_proxy.get_secret_value()) if settings.market_proxy else None
    key = settings.market_api_key.get_secret_value()
    return MarketClient(settings.market_url, key, clock, limits=limits, proxy=proxy, timed=timed)


@contextmanager
def recorded(settings: Settings, market: MarketClient) -> Iterator[Client]:
    """The client for the watcher: one that keeps its answers where the settings name a file for them."""
    if settings.market_record is None:
        yield market
        return
    try:
        settings.market_record.parent.mkdir(parents=True, exist_ok=True)
        file = settings.market_record.open("wb")
    except OSError as error:
        raise SettingsError(
            f"MARKET_RECORD {settings.market_record} cannot be written ({error.strerror}): name another file"
        ) from error
    with file:
        yield Recorder(market, file)


def side_sources(settings: Settings) -> Sequence[SideSource]:
    """The sources of side data that the settings name."""
    return [PartStrengths(settings.part_strengths_url)] if settings.part_strengths_url else []


def open_registry(settings: Settings, store: ObjectStore) -> Registry:
    """The signed store of model versions."""
    return Registry(store, settings.model_signing_key.get_secret_value().encode())


def birth_order(settings: Settings, clock: Clock) -> Order:
    """What a training process is told to do, as of now."""
    return Order(
        store=settings.object_store,
        key=settings.model_signing_key.get_secret_value(),
        now=clock.now(),
        endpoint=settings.s3_endpoint_url,
        dask=settings.train_on if settings.train_on.startswith(("tcp:", "tls:")) else None,
    )
