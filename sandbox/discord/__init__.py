"""A simulated Discord that speaks HTTP and WebSocket on loopback to an unmodified bot in another process.

State and rules come from simcord's backend; the sockets, rate limits, nonces, faults and the live page are
added here. Start it with `python -m sandbox.discord`, or from a test with `sandbox.discord.spawn`.
"""

from sandbox.discord.config import DiscordConfig
from sandbox.discord.spawn import Refused, SpawnedWorld, spawn

__all__ = ["DiscordConfig", "Refused", "SpawnedWorld", "spawn"]
