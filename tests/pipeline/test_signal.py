import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.market.traits import Collection
from pipeline.market.values import AxieClass, Listing, OrderStatus, Part, Slot
from pipeline.signal import Filters, Refusal, Thresholds, refusal
from tests.bot.factories import NOON, make_axie, make_forecast, make_listing, make_prediction

ANY = Thresholds(min_net_usd=-1e9, min_return=-1e9, min_probability=0.0)
NONE = Filters()


def held(
    filters: Filters = NONE, thresholds: Thresholds = ANY, listing: Listing | None = None, **over: object
):
    listing = listing or make_listing()
    return refusal(thresholds, filters, listing, make_prediction(listing, **over), NOON)


def test_a_listing_that_clears_every_threshold_is_a_signal() -> None:
    assert held(thresholds=Thresholds(), net_usd=4.0, return_=0.32, probability=0.93) is None


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"net_usd": 0.99}, Refusal.NET),
        ({"return_": 0.149}, Refusal.RETURN),
        ({"probability": 0.799}, Refusal.PROBABILITY),
    ],
)
def test_each_threshold_refuses_by_its_own_name(over: dict[str, float], reason: Refusal) -> None:
    assert held(thresholds=Thresholds(1.0, 0.15, 0.8), **over) is reason


@pytest.mark.parametrize(("known", "passes"), [(0.61, True), (0.59, False), (None, False)])
def test_a_chance_to_sell_must_be_known_where_one_is_asked_for(known: float | None, passes: bool) -> None:
    asked = msgspec.structs.replace(ANY, min_sell_chance=0.6)

    assert (held(thresholds=asked, sell_chance=known) is None) == passes
    assert held(sell_chance=known) is None


@given(st.lists(st.floats(1, 50), min_size=19, max_size=19), st.floats(-30, 60), st.floats(0, 10))
def test_a_higher_profit_is_never_likelier(prices: list[float], net: float, more: float) -> None:
    prediction = make_prediction(make_listing(), forecast=make_forecast(quantiles=tuple(sorted(prices))))

    likely, less = prediction.chance(net), prediction.chance(net + more)
    assert likely is not None
    assert less is not None
    assert 0 < less <= likely < 1


def test_the_chance_of_a_profit_is_read_off_the_quantiles() -> None:
    prices = tuple(10.0 + step for step in range(1, 20))  # the level 0.05 × n is at 10 + n dollars
    prediction = make_prediction(make_listing(), forecast=make_forecast(quantiles=prices))
    even = 20.0 * (1 - prediction.fee) - prediction.ask_usd - prediction.gas_usd

    assert prediction.chance(even) == pytest.approx(0.5)
    assert make_prediction(make_listing()).chance(0.0) is None


@given(
    st.floats(-10, 10), st.floats(-1, 2), st.floats(0, 1), st.floats(0, 5), st.floats(0, 1), st.floats(0, 1)
)
def test_raising_a_threshold_never_makes_a_signal(
    net: float, ratio: float, chance: float, up: float, more: float, surer: float
) -> None:
    lower = Thresholds(1.0, 0.1, 0.5)
    higher = Thresholds(1.0 + up, 0.1 + more, min(1.0, 0.5 + surer))
    prediction = {"net_usd": net, "return_": ratio, "probability": chance}
    if held(thresholds=lower, **prediction) is not None:
        assert held(thresholds=higher, **prediction) is not None


@pytest.mark.parametrize(
    "filters",
    [
        Filters(classes=(AxieClass.PLANT,)),
        Filters(collections=(Collection.MYSTIC,)),
        Filters(parts=("horn-none",)),
        Filters(min_breed_count=3),
        Filters(max_breed_count=1),
        Filters(min_purity=7),
        Filters(min_level=11),
    ],
)
def test_each_filter_leaves_out_what_it_is_not_about(filters: Filters) -> None:
    assert held(filters) is Refusal.FILTERED  # a beast of 2 breeds, purity 6, level 10


@pytest.mark.parametrize(
    "filters",
    [
        Filters(classes=(AxieClass.PLANT, AxieClass.BEAST)),
        Filters(parts=("horn-plain", "tail-plain")),
        Filters(min_breed_count=2, max_breed_count=2),
        Filters(min_purity=6, min_level=10),
        Filters(min_price_usd=12.5, max_price_usd=12.5, max_age_s=5),
    ],
)
def test_the_ends_of_a_range_belong_to_it(filters: Filters) -> None:
    assert held(filters) is None


def test_a_collection_is_told_by_the_special_genes_of_parts_or_the_title() -> None:
    parts = tuple(
        Part(f"{s}-x", s, AxieClass.BEAST, 1, "SummerShiny2022" if s == Slot.BACK else None) for s in Slot
    )
    shiny = make_listing(axie=make_axie(parts=parts))
    origin = make_listing(axie=make_axie(title="Origin"))
    assert held(Filters(collections=(Collection.SHINY,)), listing=shiny) is None
    assert held(Filters(collections=(Collection.ORIGIN,)), listing=origin) is None
    assert held(Filters(collections=(Collection.SUMMER,)), listing=shiny) is Refusal.FILTERED


def test_an_axie_of_several_collections_is_one_of_each() -> None:
    parts = tuple(Part(f"{slot}-x", slot, AxieClass.BEAST, special="Mystic") for slot in Slot)
    both = make_listing(axie=make_axie(parts=parts, title="Origin"))
    for wanted in (Collection.MYSTIC, Collection.ORIGIN):
        assert held(Filters(collections=(wanted,)), listing=both) is None
    assert held(Filters(collections=(Collection.MEO, Collection.SUMMER)), listing=both) is Refusal.FILTERED


def test_an_axie_of_unknown_level_does_not_pass_a_minimum_level() -> None:
    listing = make_listing(axie=make_axie(level=None))
    assert held(Filters(min_level=1), listing=listing) is Refusal.FILTERED
    assert held(listing=listing) is None


def test_what_is_dear_old_banned_or_gone_is_no_signal() -> None:
    assert held(Filters(max_price_usd=12.49)) is Refusal.PRICE
    assert held(Filters(max_age_s=4)) is Refusal.AGE
    assert held(listing=make_listing(axie=make_axie(banned=True))) is Refusal.BANNED
    assert held(listing=make_listing(status=OrderStatus.MATCHED)) is Refusal.NOT_OPEN


@given(
    st.builds(
        Filters,
        classes=st.lists(st.sampled_from(AxieClass)).map(tuple),
        collections=st.lists(st.sampled_from(Collection)).map(tuple),
        parts=st.lists(st.text(max_size=8)).map(tuple),
        max_price_usd=st.none() | st.floats(0, 1e6),
    )
)
def test_filters_are_stored_and_read_back_unchanged(filters: Filters) -> None:
    assert msgspec.json.decode(msgspec.json.encode(filters), type=Filters) == filters
