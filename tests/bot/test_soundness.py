"""A spoiled SQLite file is refused with instructions and left as it is."""

from pathlib import Path

import pytest

from bot.db import schema
from bot.errors import SettingsError


async def _made(tmp_path: Path) -> tuple[str, Path]:
    file = tmp_path / "bot.db"
    url = f"sqlite+aiosqlite:///{file}"
    await schema.upgrade(url)
    return url, file


@pytest.mark.parametrize("kind", ["header", "middle", "end"])
async def test_a_spoiled_file_is_refused_with_instructions_and_left_as_it_is(
    tmp_path: Path, kind: str
) -> None:
    url, file = await _made(tmp_path)
    sound = file.read_bytes()
    middle = len(sound) // 2
    spoiled = {
        "header": b"garbage!" * 512 + sound[4096:],
        "middle": sound[:middle] + b"\x93" * 40_960 + sound[middle + 40_960 :],
        "end": sound[:middle],
    }[kind]
    file.write_bytes(spoiled)

    with pytest.raises(SettingsError, match=r"spoiled .*left as it is: put a backup"):
        await schema.upgrade(url)

    assert file.read_bytes() == spoiled


async def test_a_sound_file_and_an_empty_one_are_opened(tmp_path: Path) -> None:
    url, file = await _made(tmp_path)
    assert await schema.upgrade(url) == schema.head()
    file.write_bytes(b"")
    assert await schema.upgrade(url) == schema.head()
