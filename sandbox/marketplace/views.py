"""Rows of the economy as the API shows them: plain dicts with every field of a type, keyed by field name.

An axie's dict is built once and kept until the axie changes; an order's is built for each answer, because its
price and the time left move. A value may be a function of (arguments, host) where it depends on them.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from sandbox.marketplace.axies import TITLES
from sandbox.marketplace.catalogue import CLASSES, PER_CLASS, SHOWN, SKINS, shown
from sandbox.marketplace.economy import Economy
from sandbox.marketplace.genes import CONTRIBUTION, as_hex, encode, stats
from sandbox.marketplace.orders import (
    AXIE_CONTRACT,
    FEE_BASIS_POINTS,
    TOKENS,
    Order,
    in_usd,
    order_hash,
    written,
)
from sandbox.marketplace.sales import Sale, address, transaction

Row = dict[str, Any]

SHAPES: Final = (
    "Normal",
    "Fuzzy",
    "Curly",
    "Spiky",
    "BigYak",
    "Sumo",
    "WetDog",
    "Wavy",
    "Frosty",
    "Nightmare",
)
COLOURS: Final = ("ffec51", "ffa12a", "f0c66e", "60afce", "afdb1b", "ff9ab8", "c4a0e8")
_BORN_FIRST: Final = 1_524_000_000
_BORN_LAST: Final = 1_765_000_000
_KEPT: Final = 12_000


class Views:
    """Builds the rows of one economy."""

    def __init__(self, economy: Economy) -> None:
        self.economy = economy
        self._axies: OrderedDict[int, Row] = OrderedDict()
        economy.changed = self._forget

    def _forget(self, row: int) -> None:
        self._axies.pop(row, None)

    def axie(self, row: int) -> Row:
        """The axie's present state."""
        found = self._axies.get(row)
        if found is None:
            found = self._axies[row] = self._build(row)
            if len(self._axies) > _KEPT:
                self._axies.popitem(last=False)
        return found

    def _build(self, row: int) -> Row:
        c = self.economy.population.columns
        axie_id, salt, egg = int(c["id"][row]), int(c["salt"][row]), bool(c["egg"][row])
        common: Row = {
            "__typename": "Axie",
            "__row": row,
            "id": str(axie_id),
            "owner": address(self.economy.config.seed, int(c["owner"][row])),
            "birthDate": _BORN_FIRST + (_BORN_LAST - _BORN_FIRST) * axie_id // 12_020_000,
            "chain": "Ronin",
            "breedCount": int(c["breed_count"][row]),
            "battleInfo": {
                "__typename": "AxieBattleInfo",
                "banned": bool(c["banned"][row]),
                "banUntil": None,
                "level": 0,
            },
            "axpInfo": {
                "__typename": "AxpInfo",
                "level": int(c["level"][row]),
                "onchainLevel": max(1, int(c["level"][row]) - salt % 3),
            },
        }
        return common | (_egg(axie_id) if egg else self._adult(row, axie_id, salt))

    def _adult(self, row: int, axie_id: int, salt: int) -> Row:
        c = self.economy.population.columns
        klass = int(c["class"][row])
        genes: list[list[int]] = c["genes"][row].tolist()
        skins: list[int] = c["skins"][row].tolist()
        stages: list[int] = c["stages"][row].tolist()
        title = TITLES[int(c["title"][row])]
        body, body_skin = int(c["body"][row]), 0
        special = [SKINS[s][0] if s else "" for s in skins]
        if salt % 4 == 0 and "Summer" in "".join(special):
            body_skin = 2
        elif salt % 4 == 0 and "Nightmare" in special:
            body, body_skin = SHAPES.index("Nightmare"), 3
        elif any(s.startswith("Xmas") for s in special) and salt % 2 == 0:
            body, body_skin = SHAPES.index("Frosty"), 1
        colour = int(c["colour"][row])
        bits = encode(
            klass,
            genes,
            stages=stages,
            skins=skins,
            contribution=CONTRIBUTION[title],
            body_skin=body_skin,
            body=body,
            colours=(colour + 1, (colour + salt) % 7),
        )
        new_genes = as_hex(bits, padded=salt % 5 > 0)
        values = stats(klass, [genes[s][0] // PER_CLASS[s] for s in range(6)])
        return {
            "class": CLASSES[klass],
            "stage": 4,
            "name": f"Axie #{axie_id}" if salt % 9 else f"{CLASSES[klass]} {axie_id % 1000}",
            "title": title or ("" if salt % 2 else None),
            "genes": f"0x{bits >> 256 & (1 << 251) - 1 | 1:x}",
            "newGenes": new_genes,
            "bodyShape": SHAPES[body],
            "primaryColor": COLOURS[colour],
            "purity": int(c["purity"][row]),
            "pureness": int(c["pure_parts"][row]),
            "numMystic": special.count("Mystic"),
            "numJapan": special.count("Japan"),
            "numXmas": special.count("Xmas2018") + special.count("Xmas2019"),
            "stats": dict(
                zip(("__typename", "hp", "speed", "skill", "morale"), ("AxieStats", *values), strict=True)
            ),
            "parts": [shown(s, genes[s][0], skins[s], stages[s]) for s in SHOWN],
        }

    def order(self, order: Order, at: float) -> Row | None:
        """The order as of `at`; None while it is too new to be known."""
        if at < order.visible:
            return None
        seed = self.economy.config.seed
        rate = float(self.economy.rates[order.token])
        price = order.price(at)
        if order.fixed:
            suggested, duration, left = price, 0, 0
        else:
            suggested, duration = order.price(at - 60), order.ended - order.started
            left = max(0, order.ended - int(at))
        scientific = order.number % 7 == 0
        signature = order_hash(seed, -20_000_000 - order.number)
        return {
            "__typename": "Order",
            "id": order.number,
            "hash": order.hash,
            "maker": address(seed, order.maker),
            "kind": "Sell",
            "status": order.status.value,
            "assets": [
                {
                    "__typename": "Asset",
                    "erc": "Erc721",
                    "address": AXIE_CONTRACT,
                    "id": str(self.economy.population.columns["id"][order.row]),
                    "quantity": "0",
                    "orderId": order.number,
                }
            ],
            "paymentToken": TOKENS[order.token].address,
            "basePrice": written(order.base, scientific=scientific),
            "endedPrice": written(order.ended_price, scientific=scientific),
            "startedAt": order.started,
            "endedAt": order.ended,
            "expiredAt": order.expires,
            "duration": duration,
            "timeLeft": left,
            "currentPrice": written(price, scientific=scientific),
            "suggestedPrice": written(suggested, scientific=scientific),
            "currentPriceUsd": repr(in_usd(price, order.token, rate)),
            "marketFeePercentage": FEE_BASIS_POINTS,
            "nonce": 0,
            "signature": f"0x{signature}{signature[::-1]}1b",
            "addedAt": int(order.listed),
        }

    def transfers(self, row: int, arguments: Mapping[str, Any]) -> Row:
        """The axie's transfers, newest first: its sales, and its arrival with the first owner."""
        economy = self.economy
        sales = [economy.sales[n] for n in reversed(economy.sales_of.get(row, ()))]
        rows = [self._transfer(sale) for sale in sales]
        axie_id = int(economy.population.columns["id"][row])
        first = sales[-1].order.maker if sales else int(economy.population.columns["owner"][row])
        rows.append(
            {
                "__typename": "TransferRecord",
                "tokenId": str(axie_id),
                "from": "0x" + "0" * 40,
                "to": address(economy.config.seed, first),
                "timestamp": _BORN_FIRST + (_BORN_LAST - _BORN_FIRST) * axie_id // 12_020_000,
                "txHash": transaction(economy.config.seed, -1 - row),
                "withPrice": "0",
                "withPriceUsd": "0",
                "logIndex": 0,
            }
        )
        start, size = max(0, arguments.get("from") or 0), arguments.get("size")
        stop = start + (10 if size is None else max(0, size))
        return {"__typename": "TransferRecords", "total": len(rows), "results": rows[start:stop]}

    def _transfer(self, sale: Sale) -> Row:
        economy = self.economy
        order = sale.order
        return {
            "__typename": "TransferRecord",
            "tokenId": str(economy.population.columns["id"][order.row]),
            "from": address(economy.config.seed, order.maker),
            "to": address(economy.config.seed, sale.buyer),
            "timestamp": 0 if economy.now < sale.undated_until else int(sale.at),
            "txHash": transaction(economy.config.seed, sale.number),
            "withPrice": str(sale.price),
            # Like the real API: today's rate of ETH, whatever the token and the day of the sale.
            "withPriceUsd": repr(sale.price / 1e18 * float(economy.rates[0])),
            "logIndex": sale.number % 200,
        }

    def activity(self, sale: Sale) -> Row:
        """A sale as a row of the activity feed, which does not tell the payment token."""
        seed = self.economy.config.seed
        maker, buyer = address(seed, sale.order.maker), address(seed, sale.buyer)
        return {
            "__typename": "Activity",
            "id": 5_000_000 + sale.number,
            "activityType": "Sale",
            "fromAddress": maker,
            "toAddress": buyer,
            "createdAt": int(sale.at),
            "txHash": transaction(seed, sale.number),
            "logIdx": sale.number % 200,
            "activityDetails": {
                "__typename": "SaleActivity",
                "maker": maker,
                "matcher": buyer,
                "settlePrice": str(sale.price),
                "settleQuantity": "1",
                "orderKind": 1,
            },
            "token": self.axie(sale.order.row),
        }

    def rates(self) -> Row:
        """The exchange rates in USD."""
        eth, usdc, axs, ron, slp = (float(r) for r in self.economy.rates)
        found: Row = {"__typename": "ExchangeRate"}
        for name, usd, digits in (
            ("eth", eth, 2),
            ("axs", axs, 4),
            ("slp", slp, 8),
            ("usd", 1.0, 1),
            ("usdc", usdc, 5),
            ("ron", ron, 5),
        ):
            found[name] = {"__typename": "ExchangeRateCurrency", "usd": round(usd, digits)}
        return found


def _egg(axie_id: int) -> Row:
    return {
        "class": None,
        "stage": 1,
        "name": f"Axie #{axie_id}",
        "title": None,
        "genes": "0x0",
        "newGenes": None,
        "bodyShape": None,
        "primaryColor": None,
        "purity": None,
        "pureness": None,
        "numMystic": 0,
        "numJapan": 0,
        "numXmas": 0,
        "stats": {"__typename": "AxieStats", "hp": 0, "speed": 0, "skill": 0, "morale": 0},
        "parts": [],
    }
