"""Which pairs there are, and what the tests say of a few."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from benchmarks.lineage import measure, pairs, zoo
from benchmarks.lineage.drawn import KEYS, net
from benchmarks.lineage.net import Net, written


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for architecture in KEYS:
        for number in range(3):
            for name in ("base", "twin", *pairs.TRAINED):
                path = tmp_path / f"{architecture}-{number:02}" / name / "model.safetensors"
                path.parent.mkdir(parents=True)
                path.write_bytes(measure.file(written(net(architecture, number, layers=4))))
    pairs._trained.cache_clear()
    return tmp_path


@pytest.mark.parametrize("architecture", KEYS)
def test_every_name_stands_for_a_model(architecture: str, folder: Path) -> None:
    for number in range(2):
        for pair in pairs.kin(architecture, number):
            made = pairs.net(folder, architecture, pair.b)
            assert isinstance(made, Net)
            assert measure.model(made).layers >= 3


def test_names_always_stand_for_the_same(folder: Path) -> None:
    one, other = (pairs.net(folder, "llama", "01/base+noise+rotated+int4") for _ in range(2))
    np.testing.assert_array_equal(one.embedding, other.embedding)
    assert list(pairs.kin("bert", 3)) == list(pairs.kin("bert", 3))
    assert list(pairs.strange_children("bert", range(9), 20)) == list(pairs.strange_children("bert", range(9), 20))


def test_how_many_there_are() -> None:
    testing = range(zoo.TUNING, zoo.TUNING + zoo.TESTING)
    assert sum(len(list(pairs.strangers(name, testing))) for name in KEYS) == 2340
    assert not any(zoo.is_for_tuning(number) for number in testing)
    lengths = Counter(
        len(pairs.compound("gpt2", number, place)) - 1 for number in testing for place in range(pairs.COMPOUNDS)
    )
    assert set(lengths) == {2, 3, 4, 5, 6}


def test_strangers_children_are_of_two_families(folder: Path) -> None:
    for pair in pairs.strange_children("llama", range(3), 30):
        assert pair.a[:2] != pair.b[:2]
        assert "merged" not in pair.a + pair.b


def test_kin_and_strangers_are_measured(folder: Path) -> None:
    one, other = (pairs.net(folder, "llama", f"{number:02}/base") for number in range(2))
    turned = pairs.net(folder, "llama", "00/base+rotated+neurons permuted+int8")
    assert measure.tested(one, turned)["score"] > 0.9
    assert measure.tested(one, other)["score"] < 0.3
    assert measure.tested(one, pairs.net(folder, "llama", "00/base+int4"))["log10_p"] < -20
    assert measure.tested(one, other)["log10_p"] > -2
