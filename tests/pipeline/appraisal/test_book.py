"""Standing asks: floors, depth, sellers, and that an axie's own ask tells nothing of itself."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.appraisal.book import STALE_S, STANDING, Book
from pipeline.appraisal.keys import KINDS

KEYS = list(range(100, 100 + len(KINDS)))
OTHER = list(range(900, 900 + len(KINDS)))


def floor(book: Book, axie_id: int = 0, keys: list[int] = KEYS, level: float = 0.0) -> float:
    return book.look(axie_id, keys, level)[0]


def test_the_floor_is_the_lowest_ask_of_another_axie() -> None:
    book = Book()
    for axie_id, usd in ((1, 8.0), (2, 5.0), (3, 5.2)):
        book.add(axie_id, KEYS, 10.0, usd, f"seller {axie_id}")
    assert floor(book) == pytest.approx(math.log(5.0))
    assert floor(book, level=1.0) == pytest.approx(math.log(5.0) - 1.0)
    assert floor(book, axie_id=2) == pytest.approx(math.log(5.2))
    assert math.isnan(floor(book, keys=OTHER))


@given(st.floats(0.01, 1e5), st.floats(0.01, 1e5))
def test_nothing_that_is_looked_up_depends_on_the_axies_own_ask(own: float, other: float) -> None:
    def looked(usd: float) -> list[float]:
        book = Book()
        book.add(1, KEYS, 1.0, 7.0, "a")
        book.add(2, KEYS, 2.0, usd, "b")
        return book.look(2, KEYS, 0.0)

    assert looked(own) == looked(other)


@given(st.lists(st.sampled_from((1.0, 1.05, 1.1, 2.0)), max_size=6), st.sampled_from((1.0, 1.05, 2.0)))
def test_a_look_at_others_is_the_same_with_and_without_the_axies_own_ask(
    others: list[float], own: float
) -> None:
    book = Book()
    for axie_id, usd in enumerate(others, start=1):
        book.add(axie_id, KEYS, 1.0, usd, "others")
    without = book.look(0, KEYS, 0.0)[:-1]
    book.add(0, KEYS, 1.0, own, "own")
    assert repr(book.look(0, KEYS, 0.0)[:-1]) == repr(without)


def test_an_ask_stands_until_it_is_sold_listed_anew_or_stale() -> None:
    book = Book()
    book.add(1, KEYS, 0.0, 5.0, "a")
    book.add(1, KEYS, 1.0, 6.0, "a")
    assert floor(book) == pytest.approx(math.log(6.0))
    book.add(2, KEYS, 2.0, 9.0, "a")
    book.remove(1)
    book.remove(1)
    assert floor(book) == pytest.approx(math.log(9.0))
    book.add(3, OTHER, 3.0 + STALE_S, 1.0, "b")
    assert len(book) == 1
    assert math.isnan(floor(book))


def test_depth_counts_asks_near_the_floor_and_sellers_their_listings() -> None:
    book = Book()
    for axie_id, usd in enumerate((5.0, 5.1, 5.3, 9.0), start=1):
        book.add(axie_id, KEYS, 1.0, usd, "many")
    found = book.look(4, KEYS, 0.0)
    assert found[1] == pytest.approx(math.log1p(3))
    assert found[-1] == pytest.approx(math.log1p(4))
    assert len(found) == 2 * len(STANDING) + 1


@given(st.lists(st.tuples(st.integers(1, 5), st.floats(1, 9), st.booleans()), max_size=30))
def test_a_stored_book_is_the_same_book(events: list[tuple[int, float, bool]]) -> None:
    book = Book()
    for at, (axie_id, usd, gone) in enumerate(events):
        book.add(axie_id, KEYS if axie_id % 2 else OTHER, float(at), usd, f"s{axie_id % 3}")
        if gone:
            book.remove(axie_id)
    copy = Book.restore(book.dump())
    for axie_id in range(6):
        for keys in (KEYS, OTHER):
            assert repr(copy.look(axie_id, keys, 0.5)) == repr(book.look(axie_id, keys, 0.5))
