"""What an alert shows, and that nothing in it exceeds Discord's limits whatever the market sends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import discord
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from cogs import embeds
from cogs.format import Moment
from pipeline.market.values import AxieClass, Listing, Part, Slot, Token
from pipeline.signal import Prediction
from tests.cogs.parts import make_axie, make_forecast, make_listing, price

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MOMENT = Moment(NOON, real=False)


def signal(listing: Listing | None = None, **over: object) -> tuple[Listing, Prediction]:
    listing = listing or make_listing(NOON)
    return listing, price(listing, make_forecast(listing.axie, NOON), **over)


def shown(embed: discord.Embed) -> dict[str, str]:
    return {field.name or "": field.value or "" for field in embed.fields}


def test_an_alert_tells_the_whole_sum() -> None:
    listing, prediction = signal(make_listing(NOON, axie=make_axie(id=123)))
    embed = embeds.alert(listing, prediction, "Cheap plants", MOMENT)
    fields = shown(embed)
    assert embed.title == "Axie #123 · Plant · 2 breeds"
    assert embed.url == "https://app.axieinfinity.com/marketplace/axies/123"
    assert embed.thumbnail.url == "https://axiecdn.axieinfinity.com/axies/123/axie/axie-full-transparent.png"
    assert "$12.50" in fields["Ask"]
    assert "0.005 WETH" in fields["Ask"]
    assert "41 s ago" in fields["Ask"]
    assert "$20.00" in fields["Resale"]
    assert "$15–$25\n90% interval" in fields["Resale"]
    assert "+$6.64" in fields["Net profit"]
    assert "+53% return" in fields["Net profit"]
    assert "97% likely" in fields["Net profit"]
    assert embed.footer.text is not None
    assert "Cheap plants" in embed.footer.text
    assert "20260601-120000-a1b2c3" in embed.footer.text
    assert "net of 4.25% fee, 1¢ gas" in embed.footer.text


def test_comparables_have_price_age_likeness_and_a_link() -> None:
    listing, prediction = signal()
    rows = shown(embeds.alert(listing, prediction, "w", MOMENT))["Comparable sales"].splitlines()
    assert len(rows) == 3
    assert "$19.60" in rows[0]
    assert "3 h ago" in rows[0]
    assert "same build" in rows[0]
    assert "(https://app.axieinfinity.com/marketplace/axies/11402118)" in rows[0]


def test_a_forecast_without_comparables_says_so() -> None:
    listing = make_listing(NOON)
    forecast = msgspec.structs.replace(make_forecast(listing.axie, NOON), comparables=())
    fields = shown(embeds.alert(listing, price(listing, forecast), "w", MOMENT))
    assert "None" in fields["Comparable sales"]


def test_cautions_are_visible_and_change_the_colour() -> None:
    listing, prediction = signal(cautions=("the rate is 20 minutes old",))
    embed = embeds.alert(listing, prediction, "w", MOMENT)
    assert "⚠️ the rate is 20 minutes old" in (embed.description or "")
    assert embed.colour == embeds.CAREFUL


def test_strength_is_told_by_the_colour() -> None:
    strong = embeds.alert(*signal(probability=0.95, return_=0.5), "w", MOMENT)
    good = embeds.alert(*signal(probability=0.82, return_=0.5), "w", MOMENT)
    late = embeds.alert(*signal(), "w", MOMENT, late="found 3 min ago, it was still open just now.")
    assert [strong.colour, good.colour, late.colour] == [embeds.STRONG, embeds.GOOD, embeds.QUIET]
    assert "Late" in (late.description or "")


def auction(base: int, ended: int, ended_at: datetime) -> Listing:
    return make_listing(NOON, base=base, ended=ended, ended_at=ended_at)


def test_an_auction_says_where_its_price_goes_and_by_when() -> None:
    ends = NOON + timedelta(hours=5)
    falling, prediction = signal(auction(5 * 10**15, 2 * 10**15, ends))
    simulated = embeds.alert(falling, prediction, "w", MOMENT).description
    assert simulated == "📉 Auction: falling to **0.002 WETH** in 5 h."
    real = embeds.alert(falling, prediction, "w", Moment(NOON, real=True)).description
    assert f"<t:{int(ends.timestamp())}:R>" in (real or "")
    rising, prediction = signal(auction(2 * 10**15, 5 * 10**15, ends))
    assert "rising to **0.005 WETH**" in (embeds.alert(rising, prediction, "w", MOMENT).description or "")
    after = Moment(ends + timedelta(hours=1), real=False)
    assert "no longer moves" in (embeds.alert(falling, prediction, "w", after).description or "")


def test_collectibles_are_named_and_their_parts_marked() -> None:
    parts = (Part("eyes-yakuza", Slot.EYES, AxieClass.PLANT, special="Japan"), *make_axie().parts[1:])
    listing, prediction = signal(make_listing(NOON, axie=make_axie(parts=parts, title="MEO Corp")))
    embed = embeds.alert(listing, prediction, "w", MOMENT)
    assert (embed.title or "").endswith("· MEO")
    assert "**Yakuza** (japanese)" in shown(embed)["Traits"]


hostile = st.text(max_size=120)


@settings(max_examples=60, deadline=None)
@given(
    hostile,
    hostile,
    hostile,
    st.lists(hostile, max_size=8),
    st.integers(0, 10**30),
    st.sampled_from(Token),
    st.floats(-1e9, 1e9),
)
def test_no_listing_makes_an_embed_that_discord_refuses(
    title: str, part: str, watch: str, cautions: list[str], base: int, token: Token, net: float
) -> None:
    parts = tuple(Part(part, slot, AxieClass.DUSK, special="Mystic") for slot in Slot)
    axie = make_axie(title=title, parts=parts, image=part)
    listing = make_listing(NOON, axie=axie, base=base, token=token)
    forecast = make_forecast(axie, NOON)
    prediction = price(listing, forecast, net_usd=net, cautions=tuple(cautions))
    embed = embeds.alert(listing, prediction, watch, MOMENT, late="found 3 min ago")
    assert len(embed) <= 6000
    assert len(embed.title or "") <= 256
    assert len(embed.description or "") <= 4096
    assert len(embed.footer.text or "") <= 2048
    assert all(0 < len(field.name or "") <= 256 for field in embed.fields)
    assert all(0 < len(field.value or "") <= 1024 for field in embed.fields)


def test_a_long_list_is_cut_and_says_how_much_is_left_out() -> None:
    embed = embeds.lines("Watches", [f"{number:0100}" for number in range(100)], empty="none")
    assert len(embed.description or "") <= 4096
    assert (embed.description or "").endswith("… and 62 more.")
