"""`python -m bench.promises`: what signals promised in the simulated market, and what came of it.

The headless demo runs until it has enough signals; then the market lives on for some days, and each
priced listing that was bought and sold again tells what a flip really brought: the next sale of the same
axie, at the market level of the purchase, less fee and gas.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from rich.console import Console
from rich.table import Table

from sandbox.child import child
from sandbox.stage import API_KEY

LATER_S = 4 * 86_400.0
BANDS = 5
OUTCOME = ("probability", "net promised", "net realised", "return")


async def demo(data: Path, signals: int, seed: int) -> None:
    """Run the headless demo until it has posted so many signals."""
    words = (
        "demo", "--headless", "--fresh", "--signals", str(signals), "--speed", "600", "--seed", str(seed),
        "--start", "2026-06-01", "--data", str(data),
    )  # fmt: skip
    process = await asyncio.create_subprocess_exec(Path(sys.executable).with_name("axieflip"), *words)
    if await process.wait():
        raise RuntimeError("the demo failed")


async def truths(data: Path, seed: int) -> list[dict[str, Any]]:
    """All orders of the demo's market, some days later."""
    options = ["--speed=1", f"--seed={seed}", f"--api-key={API_KEY}", f"--state={data / 'market.state'}"]
    async with child("sandbox.marketplace", options) as market, aiohttp.ClientSession() as session:
        later = {"seconds": LATER_S}
        async with session.post(f"{market['control']}/advance", json=later) as answer:
            answer.raise_for_status()
        async with session.get(f"{market['control']}/truth/listings", params={"since": 0}) as answer:
            answer.raise_for_status()
            found: list[dict[str, Any]] = await answer.json()
            return found


def flips(data: Path, orders: list[dict[str, Any]]) -> np.ndarray:
    """A row of `OUTCOME` for each priced listing that was bought and sold again within the days looked at."""
    of_axie: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for order in orders:
        if order["sold_usd"] is not None and order["origin"] != "wash":
            of_axie[order["axie_id"]].append(order)
    rows = []
    with sqlite3.connect(data / "axieflip.db") as database:
        priced = {hash_: json.loads(body) for hash_, body in database.execute(
            "SELECT listing_hash, body FROM predictions")}  # fmt: skip
    for sold in of_axie.values():
        sold.sort(key=lambda order: order["closed_at"])
        for bought, again in pairwise(sold):
            told = priced.get(bought["hash"])
            if told is None or again["closed_at"] - bought["closed_at"] > LATER_S:
                continue
            cost = told["ask_usd"] + told["gas_usd"]
            # At the level of the purchase: where the whole market goes next is nobody's promise.
            resale = again["sold_usd"] * bought["fair_usd"] / again["fair_usd"]
            realised = resale * (1 - told["fee"]) - cost
            rows.append((told["probability"], told["net_usd"], realised, told["return_"]))
    return np.array(rows).reshape(-1, len(OUTCOME))


def show(found: np.ndarray, out: Console) -> None:
    """Promised beside realised, in bands of promised probability."""
    signals = found[(found[:, 1] > 0) & (found[:, 3] > 0.05)]
    out.print(f"{len(found):,} priced listings were bought and sold again; {len(signals):,} promised to pay.")
    table = Table("promised", "signals", "promised to pay", "paid", "net promised", "net realised")
    order = np.argsort(signals[:, 0])
    for band in np.array_split(signals[order], BANDS):
        low, high = band[0, 0], band[-1, 0]
        table.add_row(
            f"{low:.0%} to {high:.0%}", f"{len(band)}", f"{band[:, 0].mean():.1%}",
            f"{(band[:, 2] > 0).mean():.1%}", f"${band[:, 1].mean():.2f}", f"${band[:, 2].mean():.2f}",
        )  # fmt: skip
    out.print(table)
    promised, realised = signals[:, 1].mean(), signals[:, 2].mean()
    out.print(f"Mean net promised ${promised:.3f}, realised ${realised:.3f} ({realised / promised - 1:+.1%})")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.promises", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/promises"), help="folder to work in")
    parser.add_argument("--signals", type=int, default=400)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kept", action="store_true", help="judge what an earlier run left in the folder")
    options = parser.parse_args()
    if not options.kept:
        asyncio.run(demo(options.data, options.signals, options.seed))
    show(flips(options.data, asyncio.run(truths(options.data, options.seed))), Console())


if __name__ == "__main__":
    main()
