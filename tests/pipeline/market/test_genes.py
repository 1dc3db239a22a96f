import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.market import genes
from pipeline.market.errors import GeneError
from pipeline.market.genes import BodySkin, Gene, Genes, PartGenes, Tag
from pipeline.market.values import AxieClass, Slot
from tests.pipeline.market.rows import shared

CODES = {class_: code for code, class_ in genes.CLASS_CODES.items()}
classes = st.sampled_from(AxieClass)
gene = st.builds(Gene, classes, st.integers(0, 255))
NOISE = st.integers(0, 2**512 - 1)


def part(slot: Slot) -> st.SearchStrategy[PartGenes]:
    return st.builds(PartGenes, st.just(slot), st.integers(1, 4), st.integers(0, 511), gene, gene, gene)


whole = st.builds(
    Genes,
    class_=classes,
    tag=st.sampled_from([*Tag, 9]),
    body_skin=st.sampled_from([*BodySkin, 77]),
    parts=st.tuples(*(part(slot) for slot in Slot)),
)


def written(value: Genes, noise: int) -> int:
    """All bits, with noise in the fields that nobody reads."""
    bits: list[str] = []

    def put(width: int, number: int | None = None) -> None:
        nonlocal noise
        if number is None:
            number, noise = noise % 2**width, noise >> width
        bits.append(f"{number:0{width}b}")

    put(5, CODES[value.class_])
    put(45)
    put(5, int(value.tag))
    put(1)
    put(9, int(value.body_skin))
    for width in (9, 9, 9, 6, 6, 6, 6, 6, 6):
        put(width)
    by_slot = {p.slot: p for p in value.parts}
    for slot in (Slot.EYES, Slot.MOUTH, Slot.EARS, Slot.HORN, Slot.BACK, Slot.TAIL):
        p = by_slot[slot]
        put(2, p.stage - 1)
        put(13)
        put(1)
        put(9, p.skin)
        for one in (p.dominant, p.first, p.second):
            put(5, CODES[one.class_])
            put(8, one.value)
    assert sum(map(len, bits)) == 512
    return int("".join(bits), 2)


@given(whole, NOISE, st.booleans(), st.booleans())
def test_whatever_is_encoded_is_read_back_padded_or_not(
    value: Genes, noise: int, padded: bool, prefixed: bool
) -> None:
    number = written(value, noise)
    text = f"{number:0128x}" if padded else f"{number:x}"
    if number:
        assert genes.decode(f"0x{text}" if prefixed else text) == value


@given(whole)
def test_purity_lies_between_0_and_100_and_grows_with_own_genes(value: Genes) -> None:
    purer = Genes(
        value.class_,
        value.tag,
        value.body_skin,
        tuple(PartGenes(p.slot, 1, 0, Gene(value.class_, 2), p.first, p.second) for p in value.parts),
    )
    assert 0 <= genes.purity(value) <= genes.purity(purer) <= 100
    assert genes.purity(purer) >= 75


@given(whole, NOISE)
def test_what_does_not_show_is_read_as_the_whole_reading_has_it(value: Genes, noise: int) -> None:
    number = written(value, noise)
    if not number:
        return
    assert genes.inherited(f"{number:x}") == (
        sum(part.first == part.dominant for part in value.parts),
        sum(part.second == part.dominant for part in value.parts),
        sum(part.skin > 0 for part in value.parts),
        value.body_skin,
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not hexadecimal"),
        ("0x", "not hexadecimal"),
        ("-0x12", "not hexadecimal"),
        ("0x12_34", "not hexadecimal"),
        (" 0x12", "not hexadecimal"),
        ("hello", "not hexadecimal"),
        ("٣", "not hexadecimal"),
        ("0x0", "egg"),
        ("0x" + "f" * 129, "longer"),
        ("0x" + "f" * 128, "unknown class"),
        ("0x8" + "0" * 126, None),
    ],
)
def test_what_is_no_gene_string_is_refused_by_name(text: str, says: str | None) -> None:
    if says is None:
        assert genes.decode(text).class_ is AxieClass.BUG
        return
    with pytest.raises(GeneError, match=says):
        genes.decode(text)
    if says != "unknown class":
        with pytest.raises(GeneError, match=says):
            genes.inherited(text)


@given(st.text(max_size=140) | st.integers(0, 2**520).map(hex))
def test_any_text_is_either_read_or_refused(text: str) -> None:
    try:
        read = genes.decode(text)
    except GeneError:
        return
    assert [part.slot for part in read.parts] == list(Slot)


def test_a_real_axie_shows_its_class_parts_and_skins() -> None:
    path = shared("responses/axie_detail_22568_order_2022-11.json")
    axie = json.loads(path.read_text())["data"]["axie"]
    read = genes.decode(axie["newGenes"])
    assert read.class_ == axie["class"] == "Aquatic"
    assert read.tag is Tag.NONE
    assert read.body_skin is BodySkin.NONE
    told = {row["type"].lower(): (row["class"], row["specialGenes"], row["stage"]) for row in axie["parts"]}
    assert {p.slot.value: (p.dominant.class_.value, p.special, p.stage) for p in read.parts} == told
    assert [p.special for p in read.parts if p.special] == ["Xmas2018", "Japan"]
    # One dominant gene and three second recessive ones are Aquatic: 12.5 + 3 * 1.0417, rounded.
    assert genes.purity(read) == 16
