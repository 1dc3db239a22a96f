"""The id of a listing's way: of the order alone, so that whoever knows the order knows the id."""

from bot.tracing import trace_id, trace_ids

HASH = "0x4e5cdbe4bd4a0d9ab6b1bd6b3a3a4a5d4e5cdbe4bd4a0d9ab6b1bd6b3a3a4a5d"


def test_an_order_has_one_id_however_its_hash_is_written() -> None:
    assert trace_id(HASH) == trace_id(f" {HASH.upper()}") != trace_id(HASH[:-1] + "e")
    assert trace_id(HASH) == "d6b8f576bf430be1"  # stored logs and the docs' recipe rely on it


def test_several_orders_have_an_id_each_once_and_in_their_order() -> None:
    assert trace_ids(["b", "a", "b"]) == [trace_id("b"), trace_id("a")]
