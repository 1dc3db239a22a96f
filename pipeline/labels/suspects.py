"""Sales that say nothing of a price: one person trading with themselves or back and forth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from pipeline.market.values import Sale

PING_PONG = 3  # purchases of the same axie by one wallet


def without_suspects(
    sales: Sequence[Sale], excluded: Counter[str], counted: Callable[[Sale], bool] = lambda _: True
) -> list[Sale]:
    """The sales in their order, less repeats, gifts, self-trades and ping-pong, `counted` by reason.

    A sale counts as a repeat by its id, or as the same axie in the same second. Ping-pong is an axie
    that went between two wallets in both directions, or was bought by one wallet three times.
    """
    ids: set[str] = set()
    moments: set[tuple[int, int]] = set()
    kept: list[Sale] = []
    for sale in sales:
        moment = (sale.axie.id, int(sale.sold_at.timestamp()))
        if sale.id in ids or moment in moments:
            excluded["duplicate"] += counted(sale)
        elif sale.amount <= 0:
            excluded["no price"] += counted(sale)
        elif _same(sale.buyer, sale.seller):
            excluded["self-trade"] += counted(sale)
        else:
            kept.append(sale)
        ids.add(sale.id)
        moments.add(moment)
    suspect = _ping_pong(kept)
    excluded["ping-pong"] += sum(counted(kept[index]) for index in suspect)
    return [sale for index, sale in enumerate(kept) if index not in suspect]


def suspect_sales(sales: Sequence[Sale]) -> set[str]:
    """The ids of the sales that say nothing of a price; a repeat of an honest one is none of them."""
    kept = without_suspects(sales, Counter())
    honest = {(sale.axie.id, int(sale.sold_at.timestamp())) for sale in kept}
    return {sale.id for sale in sales if (sale.axie.id, int(sale.sold_at.timestamp())) not in honest}


def _ping_pong(sales: Sequence[Sale]) -> set[int]:
    histories: defaultdict[int, list[int]] = defaultdict(list)
    for index, sale in enumerate(sales):
        histories[sale.axie.id].append(index)
    suspect: set[int] = set()
    for history in histories.values():
        if len(history) < 2:
            continue
        trades = [(sales[index].seller.lower(), sales[index].buyer.lower()) for index in history]
        directions = set(trades)
        purchases = Counter(buyer for _, buyer in trades)
        suspect.update(
            index
            for index, (seller, buyer) in zip(history, trades, strict=True)
            if (buyer, seller) in directions or purchases[buyer] >= PING_PONG
        )
    return suspect


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()
