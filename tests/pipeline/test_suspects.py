"""Sales that say nothing of a price are left out and counted, and do not come back another way."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.datasets import write_records
from pipeline.labels.suspects import without_suspects
from pipeline.market.values import OrderStatus, Resolution, Token
from pipeline.objects import LocalStore
from tests.pipeline.labelled import MINUTE, build, sale, with_rates
from tests.pipeline.market_data import NOW, axie, listing, wallet


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return with_rates(tmp_path)


def test_trades_with_oneself_and_back_and_forth_are_left_out_and_counted(store: LocalStore) -> None:
    honest = [sale(1, 1, 1, 2), sale(2, 1, 2, 3), sale(3, 2, 1, 2)]
    selfish = [sale(4, 3, 5, 5), sale(5, 4, 10, 10, seller="0x" + wallet(10)[2:].upper())]
    back_and_forth = [sale(6, 5, 7, 8), sale(7, 5, 8, 7)]
    collector = [sale(8, 6, 30, 20), sale(9, 6, 31, 20), sale(10, 6, 32, 20)]
    result = build(store, [*honest, *selfish, *back_and_forth, *collector])
    assert result.table["axie_id"].tolist() == [1, 1, 2]
    assert result.excluded["self-trade"] == 2
    assert result.excluded["ping-pong"] == 5


def test_a_suspect_sale_does_not_come_back_through_its_listing(store: LocalStore) -> None:
    seen = NOW - timedelta(hours=9)
    mine = listing(
        1, axie(1), seller=wallet(1), started_at=seen, seen_at=seen, token=Token.USDC, base=3_000_000
    )
    write_records(store, "listings", "run", [mine])
    write_records(store, "resolutions", "run", [Resolution(mine.hash, OrderStatus.MATCHED, NOW)])
    result = build(store, [sale(1, 1, 1, 1)])
    assert result.table.empty
    assert result.excluded["self-trade"] == 1


def test_repeats_of_a_sale_count_once(store: LocalStore) -> None:
    one = sale(1, 1, 1, 2)
    same_second = replace(one, id="other", sold_at=one.sold_at + timedelta(milliseconds=400))
    result = build(store, [one, one, same_second])
    assert len(result.table) == 1
    assert result.excluded["duplicate"] == 2


@given(
    st.lists(
        st.tuples(
            st.integers(1, 3), st.integers(0, 4), st.integers(0, 4), st.integers(0, 30), st.integers(0, 2)
        ),
        max_size=25,
    )
)
def test_every_sale_is_kept_or_counted_and_no_kept_pair_trades_back(
    rows: list[tuple[int, int, int, int, int]],
) -> None:
    sales = [
        sale(0, axie_id, seller, buyer, id=f"{number}", sold_at=NOW + second * MINUTE, amount=amount)
        for number, (axie_id, seller, buyer, second, amount) in enumerate(rows)
    ]
    excluded = Counter[str]()
    kept = without_suspects(sales, excluded)
    assert len(kept) + excluded.total() == len(sales)
    trades = {(row.axie.id, row.seller, row.buyer) for row in kept}
    assert not any((number, buyer, seller) in trades for number, seller, buyer in trades)
    assert all(count < 3 for count in Counter((row.axie.id, row.buyer) for row in kept).values())
    assert without_suspects(kept, Counter()) == kept
