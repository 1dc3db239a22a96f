"""What an adapter wants of a page: a table by the names of its columns, and the date that the page states.

Found by name, not by place: a column added or moved changes nothing, one that is gone is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from selectolax.lexbor import LexborHTMLParser, LexborNode


class LayoutError(Exception):
    """A page does not hold the table that was looked for; the message says what it holds instead."""


def table(html: str, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of the first table that has all the columns, in any order or case. Raises LayoutError."""
    wanted = [name.casefold() for name in columns]
    seen: list[str] = []
    for found in LexborHTMLParser(html).css("table"):
        rows = found.css("tr")
        names = [name.casefold() for name in _cells(rows[0])] if rows else []
        if set(wanted) <= set(names):
            places = [names.index(name) for name in wanted]
            cells = (_cells(row) for row in rows[1:])
            return [
                dict(zip(columns, (row[place] for place in places), strict=True))
                for row in cells
                if len(row) >= len(names)
            ]
        seen.append(", ".join(_cells(rows[0])[:12]) if rows else "nothing")
    held = f"its tables have: {'; '.join(seen)[:200]}" if seen else "it has no table at all"
    raise LayoutError(f"no table with the columns {', '.join(columns)}; {held}")


def stated_day(html: str) -> date | None:
    """The date of the page's first `<time datetime=…>`, None where it states none that can be read."""
    node = LexborHTMLParser(html).css_first("time[datetime]")
    try:
        return date.fromisoformat((node.attributes.get("datetime") or "")[:10]) if node else None
    except ValueError:
        return None


def _cells(row: LexborNode) -> list[str]:
    return [" ".join(cell.text(separator=" ").split()) for cell in row.css("th, td")]
