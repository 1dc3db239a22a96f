"""`axieflip backtest` as a person runs it, down to the exit code."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace

from bot import entry
from pipeline.datasets import write_records
from pipeline.market.values import Sale, Token
from pipeline.objects import LocalStore
from tests.pipeline.appraisal.history import START
from tests.pipeline.market_data import RATES, amount_of, axie, listing, wallet

DAY = (datetime.fromtimestamp(START, UTC) + timedelta(days=4)).strftime("%Y-%m-%d")
QUICK = ("--retrain", "never", "--jobs", 1)
RESULT = {
    "signals", "resolved", "resolved_share", "win_rate", "promised_win_rate", "mean_net_usd",
    "promised_mean_net_usd", "median_net_usd", "total_net_usd", "profit_per_day_usd", "worst_streak",
}  # fmt: skip


def backtest(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *words: object
) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one run."""
    monkeypatch.setattr(sys, "argv", ["axieflip", "backtest", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    out, err = capfd.readouterr()
    return int(ended.value.code or 0), out, err


def test_json_is_one_object_with_a_cell_for_each_combination_and_nothing_else(
    path: Path, frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    cells = ("--min-net", 0, "--min-net", 0.5, "--min-return", 0.05, "--min-probability", 0.6)
    code, out, err = backtest(monkeypatch, capfd, "--sales", path, "--from", DAY, *cells, *QUICK, "--json")
    assert code == 0
    assert out.count("\n") == 1
    assert "Backtesting" in err
    found = json.loads(out)
    assert (found["first"], found["retrain"], found["fee"], found["source"]) == (
        DAY,
        "never",
        0.0425,
        "sales",
    )
    assert found["offers"] == int((frame["sold_at"].dt.strftime("%Y-%m-%d") >= DAY).sum())
    assert [(cell["min_net_usd"], cell["min_return"]) for cell in found["grid"]] == [(0, 0.05), (0.5, 0.05)]
    for result in (
        *(cell["result"] for cell in found["grid"]),
        *(found["top_tenth"][who] for who in ("model", "comparable")),
    ):
        assert set(result) == RESULT
    wide, narrow = (cell["result"]["signals"] for cell in found["grid"])
    assert wide > narrow > 0
    assert len(found["caveats"]) >= 4


def test_a_person_gets_tables_caveats_and_a_picture(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "profit.png"
    words = ("--sales", path, "--from", DAY, "--png", picture, *QUICK)
    code, out, err = backtest(monkeypatch, capfd, *words)
    assert code == 0, err
    said = " ".join(out.split())
    for word in (
        "net, return,",
        "$0.3 20% 70%",
        "a tenth of all signals",
        "comparable",
        "What not to believe",
        "sold again",
    ):
        assert word in said
    assert max(map(len, out.splitlines())) <= 80
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_mistakes_end_in_one_sentence_and_no_output(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for words, code, message in (
        (("--sales", tmp_path / "none.csv"), 2, "cannot read"),
        (("--sales", path, "--from", "2099-01-01"), 2, "no offers from 2099-01-01"),
        (("--sales", path, "--from", DAY, "--to", "2000-01-01"), 2, "lies before --from"),
        ((), 2, "give either --sales FILE"),
        (("--sales", path, "--store"), 2, "give either --sales FILE"),
        (("--sales", path, "--fee", "1.5"), 2, "--fee"),
        (("--sales", path, "--min-probability", "70"), 2, "--min-probability"),
    ):
        found, out, err = backtest(monkeypatch, capfd, *words, "--json", *QUICK)
        assert (found, out) == (code, "")
        assert message in " ".join(err.replace("│", " ").split())
        assert "Traceback" not in err


def test_a_picture_that_cannot_be_written_is_a_sentence(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "no" / "such.png"
    code, _, err = backtest(monkeypatch, capfd, "--sales", path, "--from", DAY, "--png", target, *QUICK)
    assert code == 2
    assert "cannot write" in err


def test_the_object_store_gives_listings_as_offers(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    store = LocalStore(tmp_path / "store")
    write_records(store, "rates", "run", [replace(RATES, at=frame["sold_at"].iloc[0].to_pydatetime())])
    listings, sales = [], []
    for number, row in enumerate(frame[["axie_id", "sold_at", "price_usd"]].itertuples(index=False)):
        of, at = axie(int(row.axie_id)), row.sold_at.to_pydatetime()
        base = amount_of(row.price_usd, Token.USDC)
        offer = listing(
            number, of, seller=wallet(2 * number), token=Token.USDC, base=base,
            started_at=at - timedelta(minutes=2), seen_at=at - timedelta(minutes=1),
        )  # fmt: skip
        listings.append(offer)
        sales.append(Sale(f"sale-{number}", of, at, offer.base, offer.seller, wallet(2 * number + 1)))
    write_records(store, "listings", "run", listings)
    write_records(store, "sales", "run", sales)
    monkeypatch.setenv("OBJECT_STORE", f"file:{tmp_path / 'store'}")
    monkeypatch.chdir(tmp_path)
    words = ("--store", "--from", DAY, "--min-net", 0, "--min-return", 0, "--min-probability", 0.5)
    code, out, err = backtest(monkeypatch, capfd, *words, *QUICK, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["source"] == "listings"
    # All listings were sold one minute later: what counts is the sale after that one.
    again = (
        frame.groupby("axie_id")["sold_at"].shift(-1).notna()[frame["sold_at"].dt.strftime("%Y-%m-%d") >= DAY]
    )
    assert found["offers"] == pytest.approx(len(again), abs=1)  # the day's edge
    assert found["resolved"] == pytest.approx(int(again.sum()), abs=1)


def test_an_empty_store_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OBJECT_STORE", f"file:{tmp_path / 'store'}")
    monkeypatch.chdir(tmp_path)
    code, out, err = backtest(monkeypatch, capfd, "--store", "--json")
    assert (code, out) == (1, "")
    assert "collect" in err
