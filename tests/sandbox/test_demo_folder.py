"""The folder that a demo keeps: made its own, and never at the cost of what is not its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import AxieflipError
from sandbox.demo import _settle


def test_a_new_folder_becomes_the_demo_s_and_is_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "demo"
    for _ in range(2):
        _settle(folder, 7, 5.0, fresh=False)
    with pytest.raises(AxieflipError, match="another --seed or --days"):
        _settle(folder, 8, 5.0, fresh=False)


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_with_other_things_in_it_is_refused_and_left_as_it_is(tmp_path: Path, fresh: bool) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(AxieflipError, match="holds other things"):
        _settle(tmp_path, 7, 5.0, fresh=fresh)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_fresh_forgets_what_a_demo_kept_and_nothing_else(tmp_path: Path) -> None:
    _settle(tmp_path, 7, 5.0, fresh=False)
    (tmp_path / "store" / "models").mkdir(parents=True)
    (tmp_path / "store" / "models" / "champion.json").write_text("{}")
    (tmp_path / "axieflip.db").write_text("")
    (tmp_path / "notes.txt").write_text("mine")
    _settle(tmp_path, 8, 3.0, fresh=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["economy.json", "notes.txt"]


def test_a_spoiled_note_or_a_file_in_the_folder_s_place_is_a_sentence(tmp_path: Path) -> None:
    _settle(tmp_path / "demo", 7, 5.0, fresh=False)
    (tmp_path / "demo" / "economy.json").write_text("{")
    with pytest.raises(AxieflipError, match="--fresh"):
        _settle(tmp_path / "demo", 7, 5.0, fresh=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(AxieflipError, match="cannot be used"):
        _settle(tmp_path / "file", 7, 5.0, fresh=False)
