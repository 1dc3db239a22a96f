"""Genes, parts, stats and purity of an axie tell the same story."""

from typing import Any

import pytest

from sandbox.marketplace import MarketConfig
from sandbox.marketplace.catalogue import CLASSES, NUMBERS, PER_CLASS, SIZES, SKINS, SLOTS
from sandbox.marketplace.economy import Economy
from sandbox.marketplace.genes import purity, stats
from sandbox.marketplace.views import Views

CODES = dict(zip((0, 1, 2, 3, 4, 5, 16, 17, 18), CLASSES, strict=True))


def decode(text: str) -> dict[str, Any]:
    """An independent reading of the layout, from the left."""
    bits = bin(int(text, 16))[2:].zfill(512)
    at = 0

    def take(width: int) -> int:
        nonlocal at
        at += width
        return int(bits[at - width : at], 2)

    found: dict[str, Any] = {"class": take(5)}
    take(45)
    found["contribution"] = take(5)
    take(1)
    found["body_skin"] = take(9)
    found["body"] = [take(9) for _ in range(3)]
    found["colours"] = [take(6) for _ in range(6)]
    for slot in ("Eyes", "Mouth", "Ears", "Horn", "Back", "Tail"):
        stage = take(2)
        take(14)
        found[slot] = {"stage": stage, "skin": take(9), "genes": [(take(5), take(8)) for _ in range(3)]}
    assert at == 512
    return found


@pytest.fixture(scope="module")
def axies() -> list[dict[str, Any]]:
    economy = Economy(MarketConfig(history_days=0.02, book=50))
    views = Views(economy)
    c = economy.population.columns
    special = [int(row) for row in c["collection"].nonzero()[0]]
    return [views.axie(row) for row in [*range(600), *special]]


def test_genes_agree_with_class_parts_skins_and_purity(axies):
    assert (
        len({a["newGenes"] is not None and len(a["newGenes"]) for a in axies}) > 2
    )  # padded, unpadded, none
    for axie in (a for a in axies if a["stage"] == 4):
        genes = decode(axie["newGenes"])
        assert CODES[genes["class"]] == axie["class"]
        assert {0: (None, ""), 1: ("Origin",), 2: ("MEO Corp",), 3: ("MEO Corp II",)}[
            genes["contribution"]
        ].count(axie["title"])
        own = [0, 0, 0]
        for part in axie["parts"]:
            gene = genes[part["type"]]
            assert CODES[gene["genes"][0][0]] == part["class"]
            assert gene["stage"] == part["stage"] - 1
            assert (SKINS[gene["skin"]][0] if gene["skin"] else None) == part["specialGenes"]
            if not gene["skin"]:
                slot, number = NUMBERS[part["id"]]
                klass, value = gene["genes"][0]
                assert (SLOTS[slot], number) == (part["type"], klass * PER_CLASS[slot] + value // 2 - 1)
            for rank in range(3):
                own[rank] += CODES[gene["genes"][rank][0]] == axie["class"]
        assert axie["purity"] == purity(*own)
        assert axie["pureness"] == own[0]


def test_stats_follow_from_class_and_parts(axies):
    for axie in (a for a in axies if a["stage"] == 4):
        parts = [CLASSES.index(p["class"]) for p in axie["parts"]]
        assert tuple(axie["stats"][k] for k in ("hp", "speed", "skill", "morale")) == stats(
            CLASSES.index(axie["class"]), parts
        )
        assert sum(axie["stats"].get(k) for k in ("hp", "speed", "skill", "morale")) == 164


def test_stats_of_two_real_axies():
    # 22568, Aquatic: Bird, Beast, Beast, Aquatic, Beast, Bug. 1621247, Beast: Bug and five Beast parts.
    assert stats(4, [2, 0, 0, 4, 0, 1]) == (41, 48, 35, 40)
    assert stats(0, [1, 0, 0, 0, 0, 0]) == (32, 40, 31, 61)


def test_purity_runs_from_none_to_all():
    assert purity(0, 0, 0) == 0
    assert purity(6, 6, 6) == 100
    assert purity(6, 0, 0) == 75


def test_special_parts_are_counted_as_the_api_counts_them(axies):
    kinds = {p["specialGenes"] for a in axies for p in a["parts"]}
    assert kinds >= {"Mystic", "Japan", "Summer2022", "Nightmare", None}
    for axie in axies:
        special = [p["specialGenes"] for p in axie["parts"]]
        assert axie["numMystic"] == special.count("Mystic")
        assert axie["numJapan"] == special.count("Japan")
        assert axie["numXmas"] == special.count("Xmas2018") + special.count("Xmas2019")


def test_the_catalogue_has_at_least_24_parts_a_slot_with_unique_ids():
    assert min(SIZES) >= 24
    assert len(NUMBERS) == sum(SIZES)
