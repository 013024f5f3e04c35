"""The comparison of storage: measured on a tiny model, and put into tables and a chart."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from benchmarks.storage import chart, report, two
from benchmarks.storage.__main__ import Measured
from benchmarks.storage.coders import BITX, TUKAR, Coder, Tukar, Xor, Zstd, ZstdDictionary
from benchmarks.storage.measure import Result, measure
from benchmarks.storage.models import Known, Model, Tensor
from benchmarks.storage.store import Pull, Sum

from tukar.codecs.context import kernels

FACTS = ("date", "processor", "processors", "load", "python", "system")
MODEL = Model("llm", "heavy-1", "full", ("base",), "bf16", "", Path())


def tensor(name: str, shape: tuple[int, ...], has_base: bool = True) -> Tensor:
    drawn = np.random.default_rng(len(name))
    size = int(np.prod(shape))
    base = (drawn.standard_normal(size).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    child = base + drawn.integers(-3, 4, size).astype(np.uint16)
    known = Known("BF16", shape, 2 * size, base.tobytes() if has_base else None)
    return Tensor(name, known, child.tobytes())


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> list[Result]:
    monkeypatch.setattr(kernels, "kernel", kernels.kernel)  # put back what the coders choose
    given = [tensor("model.embed_tokens.weight", (64, 64)), tensor("up_proj.weight", (300, 512)), tensor("norm", (96,))]
    coders: list[Coder] = [Tukar(TUKAR, kernels.kernel()), Xor(BITX), Xor("blocks", 4096), Zstd(), ZstdDictionary()]
    return measure(MODEL, given, coders, 2, lambda _: None)


def test_two_processors_are_measured_and_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "kernel", kernels.kernel)
    coders: list[Coder] = [Tukar(TUKAR, kernels.kernel()), Zstd()]
    (found,) = two.measure(MODEL, [tensor("up_proj.weight", (300, 512))], coders, 1, lambda _: None)
    assert min(found.thread, found.threads, found.processes) > 0
    shown = two.Two("llm/heavy-1", TUKAR, 500e6, 900e6, 1000e6)
    text = report.written(Measured(dict.fromkeys(FACTS, "x"), 1, twos=[shown]))
    assert f"| llm/heavy-1 | {TUKAR} | 500 | 900 | 1,000 | 1.80 | 2.00 |" in text


def test_all_are_exact_and_differences_are_shorter(results: list[Result]) -> None:
    assert all(result.exact for result in results)
    by_name = {result.coder: result for result in results}
    assert by_name[TUKAR].share("linear") < by_name[BITX].share("linear") < by_name["zstd -3"].share("linear") <= 1
    assert {result.raw["linear"] for result in results} == {300 * 512 * 2}


def test_a_coder_that_is_wrong_is_found() -> None:
    class Wrong(Zstd):
        def decode(self, stored: object, known: Known):  # type: ignore[no-untyped-def]
            yield bytes(known.size)

    (result,) = measure(MODEL, [tensor("up_proj.weight", (8, 8), has_base=False)], [Wrong()], 1, lambda _: None)
    assert not result.exact


def test_the_report_has_ratios_and_what_is_missing(results: list[Result]) -> None:
    sums = [Sum("bf16", 2, 1000, 900, 300, 320, 280, {"hf-xet": 850}, faults=0)]
    pulls = [Pull("llm/heavy-1", 1000, {"tukar pull": 200, "hf download": 1000}, exact=True)]
    text = report.written(
        Measured(dict.fromkeys(FACTS, "x"), 2, ["zipnn: No module named 'torch'"], results, sums=sums, pulls=pulls)
    )
    own, other = (next(each for each in results if each.coder == name) for name in (TUKAR, BITX))
    assert f"{own.stored['linear'] / other.stored['linear']:.3f}" in text
    assert "zipnn: No module named 'torch'" in text
    assert "| 0.200 |" in text
    assert "| 30.0 |" in text


def test_the_chart_is_well_formed(results: list[Result]) -> None:
    drawn = ElementTree.fromstring(chart.drawn(results, ["llm/heavy-1", "llm/light-1"]))
    assert len(drawn.findall("{*}circle")) == len(results)
