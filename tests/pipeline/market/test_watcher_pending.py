"""Orders that are null when their axie is listed, and rows that cannot be read."""

from datetime import timedelta

from pipeline.market.watcher import PENDING_FOR
from tests.pipeline.market.feed import Feed
from tests.pipeline.market.watched import hashes, turn, watcher


async def test_an_order_that_was_null_comes_when_it_is_shown() -> None:
    feed = Feed()
    feed.list_many(20)
    watching = watcher(feed)
    await turn(watching)
    late = feed.list_one(null=True)
    assert hashes(await turn(watching)) == []
    late.null = False
    assert hashes(await turn(watching)) == [late.listing.hash]
    assert feed.asked == [], "it was still on the page"


async def test_an_order_that_was_null_is_found_by_its_axie_after_it_fell_off_the_page() -> None:
    feed = Feed()
    feed.list_many(20)
    watching = watcher(feed)
    await turn(watching)
    late = feed.list_one(null=True)
    await turn(watching)
    for _ in range(3):
        feed.list_many(6)
        await turn(watching)
    late.null = False
    feed.down_for_axies = True
    for _ in range(6):
        assert hashes(await turn(watching)) == [], "the pages matter more than the missing answer"
    feed.down_for_axies = False
    first = await watching.poll()
    assert hashes(first) == [late.listing.hash]
    assert hashes(await watching.poll()) == [late.listing.hash], "not stored, so it comes again"
    watching.acknowledge(first)
    asked = len(feed.asked)
    for _ in range(4):
        assert hashes(await turn(watching)) == []
    assert len(feed.asked) == asked, "nobody asks for it any more"


async def test_an_order_that_stays_null_is_asked_for_ever_more_seldom_and_then_given_up() -> None:
    feed = Feed()
    feed.list_one(null=True)
    feed.list_many(20)
    watching = watcher(feed)
    feed.list_one(null=True)
    await turn(watching)
    feed.list_many(12)
    for _ in range(30):
        await turn(watching)
    assert 3 <= len(feed.asked) <= 5
    feed.clock.advance(PENDING_FOR / timedelta(seconds=1) + 1)
    asked = len(feed.asked)
    for _ in range(30):
        await turn(watching)
    assert len(feed.asked) == asked


async def test_a_row_that_cannot_be_read_is_told_once_and_listed_once_it_can() -> None:
    feed = Feed()
    feed.list_many(20)
    watching = watcher(feed)
    await turn(watching)
    broken = feed.list_one(bad=True)
    assert [row.hash for row in (await watching.poll()).rejected] == [broken.listing.hash]
    assert [row.hash for row in (await turn(watching)).rejected] == [broken.listing.hash]
    assert (await turn(watching)).rejected == ()
    broken.bad = False
    assert hashes(await turn(watching)) == [broken.listing.hash]


async def test_rows_that_can_never_be_read_do_not_make_it_page_for_ever() -> None:
    feed = Feed()
    for _ in range(40):
        feed.list_one(bad=True)
    watching = watcher(feed)
    feed.list_many(4)
    await turn(watching)
    feed.offsets.clear()
    await turn(watching)
    assert feed.offsets == [0]
