"""What a demo keeps and says: a folder made its own, never at another's cost, and its pace in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import AlreadyRunning, SettingsError
from sandbox.demo import settled
from sandbox.stage import often, pace


def settle(data: Path, seed: int, days: float, *, fresh: bool = False) -> None:
    with settled(data, seed, days, fresh=fresh):
        pass


def test_a_new_folder_becomes_the_demo_s_and_is_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "demo"
    for _ in range(2):
        settle(folder, 7, 5.0)
    with pytest.raises(SettingsError, match="another --seed or --days"):
        settle(folder, 8, 5.0)


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_with_other_things_in_it_is_refused_and_left_as_it_is(tmp_path: Path, fresh: bool) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SettingsError, match="holds other things"):
        settle(tmp_path, 7, 5.0, fresh=fresh)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_fresh_forgets_what_a_demo_kept_and_nothing_else(tmp_path: Path) -> None:
    settle(tmp_path, 7, 5.0)
    (tmp_path / "store" / "models").mkdir(parents=True)
    (tmp_path / "store" / "models" / "champion.json").write_text("{}")
    (tmp_path / "axieflip.db").write_text("")
    (tmp_path / "notes.txt").write_text("mine")
    settle(tmp_path, 8, 3.0, fresh=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "axieflip.log",
        "demo.lock",
        "economy.json",
        "notes.txt",
    ]


def test_a_folder_whose_name_means_something_in_an_address_is_refused(tmp_path: Path) -> None:
    for name in ("50%", "what?", "#1"):
        with pytest.raises(SettingsError, match="must not contain"):
            settle(tmp_path / name, 7, 5.0)
    assert not list(tmp_path.iterdir())


def test_a_spoiled_note_or_a_file_in_the_folder_s_place_is_a_sentence(tmp_path: Path) -> None:
    settle(tmp_path / "demo", 7, 5.0)
    (tmp_path / "demo" / "economy.json").write_text("{")
    with pytest.raises(SettingsError, match="--fresh"):
        settle(tmp_path / "demo", 7, 5.0)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be used"):
        settle(tmp_path / "file", 7, 5.0)


@pytest.mark.parametrize("fresh", [False, True])
def test_a_second_demo_in_the_same_folder_is_refused_and_spoils_nothing(tmp_path: Path, fresh: bool) -> None:
    folder = tmp_path / "demo"
    with settled(folder, 7, 5.0, fresh=False):
        (folder / "axieflip.db").write_text("in use")
        with pytest.raises(AlreadyRunning, match=rf"A demo is running in {folder}.*--data \(process \d+\)$"):
            settle(folder, 7, 5.0, fresh=fresh)
        assert (folder / "axieflip.db").read_text() == "in use"
    settle(folder, 7, 5.0)


def test_a_demo_that_was_killed_before_it_wrote_its_note_left_the_folder_usable(tmp_path: Path) -> None:
    (tmp_path / "demo.lock").write_text("4711")
    settle(tmp_path, 7, 5.0)
    assert (tmp_path / "economy.json").exists()


@pytest.mark.parametrize(
    ("speed", "took"), [(60.0, "3 minutes"), (1.5, "120 minutes"), (600.0, "18 seconds")]
)
def test_how_fast_the_market_s_time_runs_is_said_in_words(speed: float, took: str) -> None:
    assert f"{speed:g} times as fast" in pace(speed)
    assert f"“sold after 3 h” is {took} here" in pace(speed)


def test_a_demo_collects_every_eight_hours_of_its_market_and_never_all_the_time() -> None:
    assert [often(speed) for speed in (1.0, 60.0, 600.0)] == ["*/59 * * * *", "*/8 * * * *", "*/5 * * * *"]
