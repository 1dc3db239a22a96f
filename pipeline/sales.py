"""The sales table: the interchange format between collection, training, evaluation and the outside.

One row is one sale at a known price in dollars, the rows in order of time. Whatever file it comes from,
the table read here has every column of `COLUMNS` with its dtype; what a file lacks is null, but purity, which
genes tell where there are some.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import pyarrow
import pyarrow.parquet

from pipeline.market import genes
from pipeline.market.errors import GeneError
from pipeline.market.values import AxieClass, Slot

SLOTS = tuple(slot.value for slot in Slot)
REQUIRED = ("axie_id", "sold_at", "price_usd", "class", "breed_count", *SLOTS)
OPTIONAL = (
    "pure_parts", "purity", "level", "hp", "speed", "skill", "morale", "evolved_parts", "title",
    "special_genes", "genes", *(f"breeding_cost_usd_{k}" for k in range(1, 8)), "listed_at",
    "payment_token", "price_raw",
)  # fmt: skip
COLUMNS = (*REQUIRED, *OPTIONAL)

_TIMES = ("sold_at", "listed_at")
# An amount in wei passes 64 bits, so that `price_raw` travels as text.
_TEXTS = ("class", *SLOTS, "title", "special_genes", "genes", "payment_token", "price_raw")
_INTEGERS = ("axie_id", "breed_count")
DTYPES: dict[str, str] = {
    name: "datetime64[us, UTC]"
    if name in _TIMES
    else "str"
    if name in _TEXTS
    else "int64"
    if name in _INTEGERS
    else "float64"
    for name in COLUMNS
}
_CLASSES = tuple(cls.value for cls in AxieClass)


class SalesTableError(Exception):
    """A file that is no sales table; the message names the file and what is wrong with it."""


def empty_sales() -> pd.DataFrame:
    """A sales table without rows, with every column and dtype."""
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in DTYPES.items()})


def read_sales(paths: Sequence[Path]) -> pd.DataFrame:
    """The sales of some CSV (`.csv`, `.csv.gz`) and Parquet files, sorted by time, ties in file order.

    Rows without a usable required value are left out; `rejected` tells how many and why. Raises
    SalesTableError for a file that cannot be read, lacks a required column, or has rows but no good one.
    """
    tables, counts = [empty_sales()], Counter[str]()
    for path in paths:
        table, rejects = _checked(_load(path), path)
        counts.update(rejects)
        tables.append(table)
    merged = pd.concat(tables, ignore_index=True) if len(tables) != 2 else tables[1]
    merged = merged.sort_values("sold_at", kind="stable", ignore_index=True)
    merged.attrs["rejected"] = dict(counts)
    return merged


def rejected(table: pd.DataFrame) -> Counter[str]:
    """How many rows `read_sales` left out of this table, by reason."""
    return Counter(table.attrs.get("rejected", {}))


def write_sales(table: pd.DataFrame, path: Path) -> None:
    """Write a sales table as Parquet, whole or not at all. Columns that it does not know are dropped."""
    missing = [name for name in REQUIRED if name not in table.columns]
    if missing:
        raise SalesTableError(f"cannot write {path}: the table has no column {_listed(missing)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        conform(table).to_parquet(partial, index=False, compression="zstd")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def conform(table: pd.DataFrame) -> pd.DataFrame:
    """The same rows with exactly the columns and dtypes of a sales table.

    Values that do not fit an optional column become null; a required integer that does not fit raises
    ValueError, so check with `read_sales` what comes from outside.
    """
    return pd.DataFrame({name: _typed(table, name) for name in COLUMNS}).astype(DTYPES).reset_index(drop=True)


def _load(path: Path) -> pd.DataFrame:
    name = path.name.lower()
    try:
        if name.endswith((".csv", ".csv.gz")):
            text = dict.fromkeys((*_TEXTS, *_TIMES), "str")
            known = set(COLUMNS)
            return pd.read_csv(
                path, dtype=text, usecols=lambda column: column in known, low_memory=False,
                keep_default_na=False, na_values=[""], encoding="utf-8-sig",
            )  # fmt: skip
        if name.endswith(".parquet"):
            held = pyarrow.parquet.read_schema(path).names
            return pd.read_parquet(path, columns=[column for column in COLUMNS if column in held])
    except pd.errors.EmptyDataError as error:
        raise SalesTableError(f"{path} is empty, not even a header") from error
    except (OSError, EOFError, ValueError, pyarrow.ArrowException) as error:
        said = (isinstance(error, OSError) and error.strerror) or error
        raise SalesTableError(f"cannot read {path}: {said}") from error
    raise SalesTableError(f"{path} is neither .csv, .csv.gz nor .parquet")


def _checked(raw: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, Counter[str]]:
    missing = [name for name in REQUIRED if name not in raw.columns]
    if missing:
        raise SalesTableError(f"{path} is no sales table: required column {_listed(missing)} missing")
    table = pd.DataFrame({name: _typed(raw, name) for name in COLUMNS})
    good = pd.Series(data=True, index=table.index)
    counts = Counter[str]()
    for reason, bad in _faults(table):
        if count := int((good & bad).sum()):  # a row counts once, under its first fault
            counts[reason] = count
            good &= ~bad
    if len(table) and not good.any():
        raise SalesTableError(f"{path}: none of its {len(table)} rows is usable ({_reasons(counts)})")
    kept = (table if good.all() else table[good]).astype(DTYPES).reset_index(drop=True)
    unknown = kept["purity"].isna() & kept["genes"].notna()
    if unknown.any():
        kept.loc[unknown, "purity"] = kept.loc[unknown, "genes"].map(_purity)
    return kept, counts


def _purity(text: str) -> float:
    """As the genes tell it, recessive ones included; NaN where they cannot be read."""
    try:
        return float(genes.purity(genes.decode(text)))
    except GeneError:
        return float("nan")


def _typed(raw: pd.DataFrame, name: str) -> pd.Series[Any]:
    """One column in a form that can hold nulls: times, floats or text."""
    known = name in raw.columns
    values: pd.Series[Any] = raw[name] if known else pd.Series(None, index=raw.index, dtype="object")
    if name in _TIMES:
        if not pd.api.types.is_datetime64_any_dtype(values):
            values = values.astype("str")  # a bare number must not be read as nanoseconds since 1970
        times: pd.Series[Any] = pd.to_datetime(values, utc=True, format="ISO8601", errors="coerce")
        return times.astype("datetime64[us, UTC]")
    if name in _TEXTS:
        return values.astype("str")
    numbers: pd.Series[Any] = pd.to_numeric(values, errors="coerce").astype("float64")
    return numbers


def _faults(table: pd.DataFrame) -> list[tuple[str, pd.Series[bool]]]:
    def whole(name: str) -> pd.Series[bool]:
        return (table[name] >= 0) & (table[name] % 1 == 0)

    price = table["price_usd"]
    return [
        ("axie_id is no whole number", ~whole("axie_id")),
        ("sold_at is no time", table["sold_at"].isna()),
        ("price_usd is no positive number", ~((price > 0) & (price < float("inf")))),
        ("unknown class", ~table["class"].isin(_CLASSES)),
        ("breed_count is no whole number", ~whole("breed_count")),
        *((f"{slot} missing", table[slot].isna()) for slot in SLOTS),
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)


def _reasons(counts: Counter[str]) -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in counts.most_common())
