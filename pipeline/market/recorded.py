"""The second implementation of what the watcher asks of a marketplace: answers of the past, from a file.

`Recorder` stands between the watcher and a live client and writes down each answer; `Replay` gives them back
in their order, with a clock that shows the time of each. What the watcher made of a session can so be looked
at again, on another machine and without the marketplace. A line of the file is one answer, as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import IO, Final

import msgspec

from pipeline.market.budget import Priority
from pipeline.market.errors import MarketError, MarketUnavailable
from pipeline.market.pages import AxieDetail, Page
from pipeline.market.values import Listing
from pipeline.market.watching import Budget, Client

PAGE: Final = 100


class Newest(msgspec.Struct, frozen=True, tag="newest_listings", tag_field="ask"):
    """A page of the newest listings."""

    offset: int
    size: int
    page: Page[Listing]


class Details(msgspec.Struct, frozen=True, tag="axies", tag_field="ask"):
    """Axies asked for by id."""

    ids: list[int]
    found: dict[int, AxieDetail]


class Failed(msgspec.Struct, frozen=True, tag="failed", tag_field="ask"):
    """A question that was not answered, in words; on replay it is not answered again."""

    reason: str


Answer = Newest | Details | Failed


class ReplayError(MarketError):
    """The recording cannot be read, or the watcher asks something else than it did then."""


class ReplayOver(ReplayError):
    """Every answer has been given."""


class Recorder:
    """A client that writes each answer to a file before it passes it on."""

    def __init__(self, client: Client, file: IO[bytes]) -> None:
        self._client, self._file = client, file

    @property
    def budget(self) -> Budget:
        """The live client's."""
        return self._client.budget

    async def newest_listings(
        self, offset: int = 0, size: int = PAGE, *, priority: Priority = Priority.WATCH
    ) -> Page[Listing]:
        """Ask, and keep the page."""
        try:
            page = await self._client.newest_listings(offset, size, priority=priority)
        except MarketError as error:
            self._keep(Failed(str(error)))
            raise
        self._keep(Newest(offset, size, page))
        return page

    async def axies(
        self, ids: Iterable[int], *, priority: Priority = Priority.BACKGROUND
    ) -> dict[int, AxieDetail]:
        """Ask, and keep what was found."""
        asked = list(ids)
        try:
            found = await self._client.axies(asked, priority=priority)
        except MarketError as error:
            self._keep(Failed(str(error)))
            raise
        self._keep(Details(asked, found))
        return found

    def _keep(self, answer: Answer) -> None:
        self._file.write(msgspec.json.encode(answer) + b"\n")
        self._file.flush()


class _NoBudget:
    """A file may be asked at any pace."""

    def watch_interval(self) -> float:
        return 0.0


class Replay:
    """A client, and a clock, that answer from a recording. Raises ReplayError where it is none."""

    speed = 0.0  # time stands between two answers

    def __init__(self, file: Path) -> None:
        answers = _read(file)
        self._answers = iter(answers)
        self._now = next((each.page.at for each in answers if isinstance(each, Newest)), None)
        self._budget = _NoBudget()

    @property
    def budget(self) -> Budget:
        """None is needed."""
        return self._budget

    def now(self) -> datetime:
        """When the last page arrived, by the market's time of then."""
        if self._now is None:
            raise ReplayError("the recording holds no page of listings")
        return self._now

    async def newest_listings(
        self, offset: int = 0, size: int = PAGE, *, priority: Priority = Priority.WATCH
    ) -> Page[Listing]:
        """The page that was the answer then."""
        answer = self._next()
        if not isinstance(answer, Newest) or (answer.offset, answer.size) != (offset, size):
            raise ReplayError(f"then {_named(answer)} was asked for, and now the page at {offset}")
        self._now = answer.page.at
        return answer.page

    async def axies(
        self, ids: Iterable[int], *, priority: Priority = Priority.BACKGROUND
    ) -> dict[int, AxieDetail]:
        """What was found then."""
        answer, asked = self._next(), list(ids)
        if not isinstance(answer, Details) or answer.ids != asked:
            raise ReplayError(f"then {_named(answer)} was asked for, and now axies {asked}")
        return answer.found

    def _next(self) -> Answer:
        answer = next(self._answers, None)
        if answer is None:
            raise ReplayOver("the recording is over")
        if isinstance(answer, Failed):
            raise MarketUnavailable(answer.reason)
        return answer


def _read(file: Path) -> list[Answer]:
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise ReplayError(f"{file} cannot be read ({error.strerror})") from error
    decoder = msgspec.json.Decoder(Answer)
    answers: list[Answer] = []
    for number, line in enumerate(lines, start=1):
        try:
            answers.append(decoder.decode(line))
        except msgspec.DecodeError as error:
            if number == len(lines):  # it was being written when the bot was killed
                break
            raise ReplayError(f"{file}, line {number}, is no answer of a marketplace: {error}") from error
    if not answers:
        raise ReplayError(f"{file} holds no answers of a marketplace")
    return answers


def _named(answer: Answer) -> str:
    return f"the page at {answer.offset}" if isinstance(answer, Newest) else "something else"
