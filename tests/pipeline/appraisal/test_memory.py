"""What is remembered under keys: it fades, keeps the newest, forgets the old, and takes late sales in."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.appraisal.memory import DAY, MEMORY_S, NEWEST, NONE, TIME, Memory, S, W

KEYS = np.array([11, 22])


def add(memory: Memory, at: float, relative: float, axie_id: int = 1, keys: np.ndarray = KEYS) -> None:
    rows = np.array(memory.rows_to_fill(keys.tolist()))
    memory.add(rows, rows, at, relative, relative, axie_id)


def newest(memory: Memory, key: int) -> list[float]:
    sales = memory.sales[memory.newest[memory.rows(np.array([key]))[0]]]
    return sorted(time for time in sales[:, TIME].tolist() if time > -math.inf)


def test_an_unknown_key_and_no_key_are_the_same_row_in_which_nothing_is() -> None:
    memory = Memory()
    add(memory, 5.0, 1.0)
    add(memory, 6.0, 1.0, keys=np.array([NONE, 33]))
    assert memory.rows(np.array([44, NONE])).tolist() == [0, 0]
    assert not memory.sums[0].any()
    assert not memory.newest[0].any()
    assert len(memory) == 3


def test_the_newest_sales_of_a_key_are_kept_and_weights_fade() -> None:
    memory = Memory()
    for day in range(12):
        add(memory, day * DAY, float(day), day)
    assert newest(memory, 11) == [day * DAY for day in range(12 - NEWEST, 12)]
    held = memory.sums[memory.rows(np.array([11]))[0]]
    expected = sum(math.exp(-day * DAY / MEMORY_S) for day in range(12))
    assert held[W] == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(-2, 2)), min_size=1, max_size=20), st.randoms())
def test_sales_that_come_late_leave_the_same_behind_as_in_order(
    sales: list[tuple[int, float]], shuffle: random.Random
) -> None:
    in_order, late = Memory(), Memory()
    numbered = sorted(enumerate(sales), key=lambda sale: sale[1][0])
    for axie_id, (day, relative) in numbered:
        add(in_order, day * DAY, relative, axie_id)
    shuffle.shuffle(numbered)
    for axie_id, (day, relative) in numbered:
        add(late, day * DAY, relative, axie_id)
    np.testing.assert_allclose(late.sums[:3], in_order.sums[:3], rtol=1e-9, atol=1e-9)
    assert newest(late, 22) == newest(in_order, 22)


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 40)), max_size=60), st.integers(0, 40))
def test_forgetting_drops_old_keys_and_leaves_the_others_as_they_were(
    sales: list[tuple[int, int]], before: int
) -> None:
    memory = Memory()
    for number, (key, day) in enumerate(sorted(sales, key=lambda sale: sale[1])):
        add(memory, day * DAY, float(number), number, np.array([key]))
    last = {key: max(day for other, day in sales if other == key) for key, _ in sales}
    sums = {key: memory.sums[memory.rows(np.array([key]))[0]].copy() for key in last}
    kept = {key: [time for time in newest(memory, key) if time >= before * DAY] for key in last}

    memory.forget(before * DAY)

    assert len(memory) == sum(day >= before for day in last.values())
    for key, day in last.items():
        if day >= before:
            np.testing.assert_array_equal(memory.sums[memory.rows(np.array([key]))[0]], sums[key])
            assert newest(memory, key) == kept[key]
    add(memory, 41 * DAY, 1.0, 7, np.array([99]))
    assert newest(memory, 99) == [41 * DAY]


def test_it_grows_beyond_its_first_room() -> None:
    memory = Memory()
    for number in range(3000):
        add(memory, float(number), 1.0, number, np.array([number]))
    rows = memory.rows(np.arange(3000))
    assert len(set(rows.tolist())) == 3000
    assert (memory.sums[rows, S] == 1.0).all()


def test_a_stored_memory_whose_parts_do_not_belong_together_is_refused() -> None:
    memory = Memory()
    add(memory, 1.0, 1.0)
    stored = memory.dump()
    stored.sums = stored.sums[:-32]
    with pytest.raises(ValueError, match="do not belong together"):
        Memory.restore(stored)
