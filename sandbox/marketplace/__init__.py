"""A simulated Axie marketplace in its own process: GraphQL over real HTTP, and an economy of its own.

It imports nothing of the bot's, on purpose: it speaks the published protocol, so that a mistake in our
client is not mirrored here. Start it with `python -m sandbox.marketplace`, or `serve` inside a test's loop.
"""

from sandbox.marketplace.config import MarketConfig
from sandbox.marketplace.server import Market, serve

__all__ = ["Market", "MarketConfig", "serve"]
