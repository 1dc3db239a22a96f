"""The game's table of part strengths: what each part does in battle, on a web page of its own.

Parts that the market values tend to be the strong ones, so that the table tells something of prices, but
no more than that: fashion is the rest. The page builds itself with JavaScript from data that it loads, as
such pages do; `?plain` gives the same table as finished HTML.
"""

from datetime import datetime, timedelta
from html import escape
from typing import Any, Final

import msgspec
import numpy as np
from aiohttp import web

from sandbox.marketplace.catalogue import PART_CLASSES, SIZES, SKINS, SLOTS, part_class, part_id, shown
from sandbox.marketplace.world import World

TIERS: Final = ("D", "C", "B", "A", "S")
COLUMNS: Final = ("Part", "Name", "Class", "Slot", "Tier", "Energy", "Attack", "Defence")
_TOLD: Final = 0.75  # the correlation of a part's strength with its effect on price
_CUTS: Final = (-1.3, -0.4, 0.5, 1.3)
_LEAD: Final = timedelta(days=14)  # the season began so long before the market's history does
# Attack and defence of a class's parts against the others', in points.
_STYLES: Final = ((15, -15), (0, 0), (25, -25), (-20, 25), (5, 0), (-10, 15))


def part_strengths(seed: int, effects: list[Any]) -> list[dict[str, Any]]:
    """A row for every part, special variants too, which fight as the ordinary ones do."""
    rng = np.random.default_rng([seed, 4])
    rows: list[dict[str, Any]] = []
    for slot, name in enumerate(SLOTS):
        worth = (effects[slot] - effects[slot].mean()) / effects[slot].std()
        strength = _TOLD * worth + (1 - _TOLD**2) ** 0.5 * rng.normal(0, 1, SIZES[slot])
        for number in range(SIZES[slot]):
            power, balance = float(strength[number]), float(rng.normal(0, 15))
            energy = int(rng.choice(3, p=[0.2, 0.65, 0.15]))
            attack, defence = _STYLES[part_class(slot, number)]
            fights: dict[str, Any] = {
                "tier": TIERS[int(np.searchsorted(_CUTS, power))],
                "energy": energy,
                "attack": _points(45 + 30 * energy + attack + 14 * power + balance),
                "defence": _points(40 + 10 * energy + defence + 12 * power - balance),
            }
            for skin in (0, *SKINS):
                told = shown(slot, number, skin, 1)
                row: dict[str, Any] = {"part": part_id(slot, number, skin), "name": told["name"]}
                row |= {"class": PART_CLASSES[part_class(slot, number)], "slot": name} | fights
                if row not in rows[-len(SKINS) :]:  # several skins share a variant
                    rows.append(row)
    return rows


def _points(value: float) -> int:
    return max(0, 5 * round(value / 5))


class Page:
    """Answers GET /parts and /parts/data."""

    def __init__(self, world: World) -> None:
        config = world.config
        self._faults = world.faults
        self._rows = part_strengths(config.seed, world.economy.population.builds.effects)
        self._since = config.epoch - timedelta(days=config.history_days) - _LEAD

    async def page(self, request: web.Request) -> web.Response:
        """The page, or its plain form."""
        self._fail()
        names: tuple[str, ...] = COLUMNS
        if self._faults.strikes("page-changed"):
            names = tuple(f"{name} (new)" for name in COLUMNS)
        if "plain" not in request.query:
            script = _SCRIPT.replace("COLUMNS", msgspec.json.encode(names).decode())
            return _html(self._since, f'<div id="table">Loading …</div><script>{script}</script>')
        head = "".join(f"<th>{escape(name)}</th>" for name in names)
        cells = ("".join(f"<td>{escape(str(value))}</td>" for value in row.values()) for row in self._rows)
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        return _html(self._since, f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")

    async def data(self, _: web.Request) -> web.Response:
        """What the page builds itself from."""
        self._fail()
        return web.Response(body=msgspec.json.encode(self._rows), content_type="application/json")

    def _fail(self) -> None:
        if self._faults.strikes("page-down"):
            raise web.HTTPServiceUnavailable


def _html(since: datetime, content: str) -> web.Response:
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Part strengths</title>'
        f"<style>{_STYLE}</style></head><body><h1>Part strengths</h1>"
        f'<p>Balanced as of <time datetime="{since:%Y-%m-%d}">{since:%d %B %Y}</time>.</p>'
        f"{content}</body></html>"
    )
    return web.Response(text=text, content_type="text/html")


_STYLE: Final = (
    "body{font:15px/1.4 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.2rem .6rem;"
    "border-bottom:1px solid #ddd}"
)
_SCRIPT: Final = """
const cell = (tag, text) => Object.assign(document.createElement(tag), {textContent: text});
const line = (tag, texts) => {
  const row = document.createElement("tr");
  row.append(...texts.map(text => cell(tag, text)));
  return row;
};
fetch("/parts/data").then(answer => answer.json()).then(parts => {
  const table = document.createElement("table"), head = table.createTHead(), body = table.createTBody();
  head.append(line("th", COLUMNS));
  body.append(...parts.map(part => line("td", Object.values(part))));
  document.getElementById("table").replaceChildren(table);
});
"""
