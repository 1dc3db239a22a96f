"""What is expected of a sales table. Hard expectations stop a training, soft ones become warnings.

Ranges are wide on purpose: the gate is for broken data, not for an unusual market.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.market.values import AxieClass, Token
from pipeline.sales import REQUIRED, SLOTS

if TYPE_CHECKING:
    import pandas as pd

HIGHEST_USD = 1e6
STALE_HARD, STALE_SOFT = timedelta(days=3), timedelta(hours=24)
AHEAD = timedelta(hours=1)  # how far a sale may seem to lie in the future
WITH_PART = 0.99
PLAUSIBLE = 0.995  # the share of optional values that must lie in their range
SWING = 2.0  # a day's price quantiles against those of its week, as a factor either way
VOLUME = (0.3, 3.0)  # a day's sales against the week's daily mean
MIX_DRIFT = 0.1  # Kullback-Leibler divergence of a day's classes, or tokens, from its week's
PLAIN_TOKENS = 0.6  # the share of sales in WETH or USDC; in 2026 nine of ten were
RESOLVED = 0.8  # the share of the week's listings of which something was heard since they were seen
QUANTILES = (0.25, 0.5, 0.75)
_RANGES = {
    "purity": (0, 100),
    "level": (1, 60),
    "pure_parts": (0, 6),
    "hp": (20, 70),
    "speed": (20, 70),
    "skill": (20, 70),
    "morale": (20, 70),
}


def has_required(table: pd.DataFrame) -> bool:
    """Whether a table has every column that a sales table must have."""
    return all(name in table.columns for name in REQUIRED)


def of_table(table: pd.DataFrame, now: datetime, min_rows: int) -> list[Any]:
    """Expectations of a whole table. If it lacks a required column, of its columns only."""
    import great_expectations.expectations as gxe

    columns = gxe.ExpectTableColumnsToMatchSet(
        column_set=list(REQUIRED), exact_match=False, meta=_hard(f"at least {', '.join(REQUIRED)}")
    )
    if not has_required(table):
        return [columns]
    return [
        columns,
        gxe.ExpectTableRowCountToBeBetween(min_value=min_rows, meta=_hard(f"at least {min_rows:,} sales")),
        *(
            gxe.ExpectColumnValuesToNotBeNull(column=name, meta=_hard("no nulls"))
            for name in ("axie_id", "sold_at", "price_usd", "class", "breed_count")
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="price_usd",
            min_value=0,
            strict_min=True,
            max_value=HIGHEST_USD,
            strict_max=True,
            meta=_hard(f"prices above $0 and below ${HIGHEST_USD:,.0f}"),
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="breed_count", min_value=0, max_value=7, meta=_hard("breed counts from 0 to 7")
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="class", value_set=[cls.value for cls in AxieClass], meta=_hard("the nine classes")
        ),
        *(
            gxe.ExpectColumnValuesToNotBeNull(
                column=slot, mostly=WITH_PART, meta=_hard(f"a part in {WITH_PART:.0%} of rows")
            )
            for slot in SLOTS
        ),
        gxe.ExpectCompoundColumnsToBeUnique(
            column_list=["axie_id", "sold_at"], meta=_hard("an axie sold once at a moment")
        ),
        *_freshness(gxe, now),
        *_plausible(gxe, table),
    ]


def _freshness(gxe: Any, now: datetime) -> list[Any]:
    def newest(age: timedelta, meta: dict[str, Any]) -> Any:
        return gxe.ExpectColumnMaxToBeBetween(
            column="sold_at", min_value=now - age, max_value=now + AHEAD, meta=meta
        )

    until = f"at most {_hours(AHEAD)} after {now:%Y-%m-%d %H:%M} UTC"
    return [
        newest(STALE_HARD, _hard(f"a newest sale at most {_hours(STALE_HARD)} before and {until}")),
        newest(STALE_SOFT, _soft(f"a newest sale at most {_hours(STALE_SOFT)} before and {until}")),
    ]


def _plausible(gxe: Any, table: pd.DataFrame) -> list[Any]:
    """Expectations of the optional columns that have any values."""
    known = [name for name in _RANGES if name in table.columns and table[name].notna().any()]
    checks = [
        gxe.ExpectColumnValuesToBeBetween(
            column=name,
            min_value=low,
            max_value=high,
            mostly=PLAUSIBLE,
            meta=_soft(f"{PLAUSIBLE:.1%} of values from {low} to {high}"),
        )
        for name, (low, high) in ((name, _RANGES[name]) for name in known)
    ]
    if "payment_token" in table.columns and table["payment_token"].notna().any():
        checks.append(
            gxe.ExpectColumnValuesToBeInSet(
                column="payment_token",
                value_set=[Token.WETH.value, Token.USDC.value],
                mostly=PLAIN_TOKENS,
                meta=_soft(f"{PLAIN_TOKENS:.0%} of sales in WETH or USDC"),
            )
        )
    return checks


def of_listings() -> list[Any]:
    """Expectations of listings that were due for an outcome: all soft."""
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnValuesToBeInSet(
            column="resolved",
            value_set=[True],
            mostly=RESOLVED,
            meta=_soft(
                f"something heard of {RESOLVED:.0%} of the week's listings a day after they were seen"
            ),
        )
    ]


def of_volume(week: pd.DataFrame, newest: datetime) -> Any:
    """How many sales the newest day has, soft, from the week before it."""
    import great_expectations.expectations as gxe

    days = max(1.0, (week["sold_at"].max() - week["sold_at"].min()) / timedelta(days=1))
    low, high = (round(len(week) / days * factor) for factor in VOLUME)
    return gxe.ExpectTableRowCountToBeBetween(
        min_value=low,
        max_value=high,
        meta=_soft(f"{low:,} to {high:,} sales {_when(newest)}, as in its week"),
    )


def of_day(day: pd.DataFrame, week: pd.DataFrame, newest: datetime) -> list[Any]:
    """What the newest day's sales are like, all soft, from the week before it."""
    import great_expectations.expectations as gxe

    usual = [float(week["price_usd"].quantile(share)) for share in QUANTILES]
    quartiles = ", ".join(f"{value:,.2f}" for value in usual)
    when = _when(newest)
    return [
        gxe.ExpectColumnQuantileValuesToBeBetween(
            column="price_usd",
            quantile_ranges={
                "quantiles": list(QUANTILES),
                "value_ranges": [[value / SWING, value * SWING] for value in usual],
            },
            meta=_soft(f"quartiles {when} within a factor {SWING:g} of {quartiles}"),
        ),
        *(_mixed(gxe, name, week, when) for name in ("class", "payment_token") if _told(name, day, week)),
    ]


def _when(newest: datetime) -> str:
    return f"on the day up to {newest:%Y-%m-%d %H:%M}"


def _told(name: str, *tables: pd.DataFrame) -> bool:
    return all(name in table.columns and table[name].notna().any() for table in tables)


def _mixed(gxe: Any, column: str, week: pd.DataFrame, when: str) -> Any:
    shares = week[column].value_counts(normalize=True)
    what = "classes" if column == "class" else "tokens"
    return gxe.ExpectColumnKLDivergenceToBeLessThan(
        column=column,
        partition_object={"values": shares.index.tolist(), "weights": shares.tolist()},
        threshold=MIX_DRIFT,
        tail_weight_holdout=0.001,  # a class that its week did not have is no infinite surprise
        meta=_soft(f"{what} {when} mixed as in its week (divergence below {MIX_DRIFT})"),
    )


def _hard(expected: str) -> dict[str, Any]:
    return {"hard": True, "expected": expected}


def _soft(expected: str) -> dict[str, Any]:
    return {"hard": False, "expected": expected}


def _hours(span: timedelta) -> str:
    return f"{span / timedelta(hours=1):g} h"
