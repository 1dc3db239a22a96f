"""`python -m sandbox.marketplace`: serve a simulated marketplace and say where, in one line of JSON."""

import argparse
import asyncio
import gc
import sys
from datetime import UTC, datetime
from pathlib import Path

from sandbox.child import announce, told_to_end
from sandbox.marketplace.config import MONTHS, MarketConfig
from sandbox.marketplace.server import serve
from sandbox.marketplace.world import StateError


def _arguments() -> argparse.Namespace:
    default = MarketConfig()
    parser = argparse.ArgumentParser(prog="python -m sandbox.marketplace", description=__doc__)
    parser.add_argument("--host", default=default.host)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument(
        "--speed", type=float, default=default.speed, help="market seconds a real second; 0 by hand"
    )
    parser.add_argument("--history-days", type=float, default=default.history_days)
    parser.add_argument(
        "--epoch", type=_moment, default=default.epoch, help="market time at the start, ISO 8601"
    )
    parser.add_argument(
        "--month", choices=sorted(MONTHS), default=default.month, help="whose prices to imitate"
    )
    parser.add_argument("--book", type=int, default=default.book, help="open orders at the beginning")
    parser.add_argument("--sales-a-day", type=float, default=default.sales_a_day)
    parser.add_argument("--api-key", help="require this X-API-Key")
    parser.add_argument("--per-minute", type=int, default=default.per_minute)
    parser.add_argument("--per-hour", type=int, default=default.per_hour)
    parser.add_argument("--state", type=Path, help="file to resume from and to save to")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when stdin does")
    return parser.parse_args()


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def _run(options: argparse.Namespace) -> None:
    config = MarketConfig(
        seed=options.seed,
        speed=options.speed,
        history_days=options.history_days,
        epoch=options.epoch,
        month=options.month,
        book=options.book,
        sales_a_day=options.sales_a_day,
        api_key=options.api_key,
        per_minute=options.per_minute,
        per_hour=options.per_hour,
        host=options.host,
        port=options.port,
    )
    over = told_to_end(with_parent=options.exit_with_parent)
    async with serve(config, state=options.state) as market:
        gc.freeze()  # a hundred thousand long-lived objects need no further visits: pauses of 0.2 s otherwise
        announce(url=market.url, control=market.control, parts=market.parts)
        await over.wait()


def main() -> int:
    """Serve until told to stop; returns the exit status."""
    try:
        asyncio.run(_run(_arguments()))
    except StateError as error:
        announce(error=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
