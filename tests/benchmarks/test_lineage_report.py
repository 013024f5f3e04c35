"""Figures from what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks.lineage import pairs, report
from benchmarks.lineage.roc import Judge, Said


def said(truth: str, *strengths: float) -> list[Said]:
    return [Said(truth, "tuned", strength, strength > 0.5) for strength in strengths]


def test_the_area_is_how_often_kin_has_the_larger_number() -> None:
    assert Judge("all", [*said("kin", 0.8, 0.9), *said("strangers", 0.1, 0.2)]).area() == 1
    assert Judge("half", [*said("kin", 0.3, 0.1), *said("strangers", 0.3, 0.1)]).area() == 0.5
    assert Judge("none", [*said("kin", 0.1), *said("strangers", 0.2)]).area() == 0


def test_what_is_found_above_all_strangers_and_at_a_threshold() -> None:
    judge = Judge("one", [*said("kin", 0.4, 0.6, 0.9), *said("strangers", 0.1, 0.7)])
    assert (judge.found().count, judge.found().of) == (1, 3)
    own = judge.at_own_threshold()
    assert own is not None
    assert [(rate.count, rate.of) for rate in own] == [(2, 3), (1, 2)]
    assert Judge("none", [Said("kin", "tuned", 1.0)]).at_own_threshold() is None
    assert judge.curve()[0] == (0, pytest.approx(1 / 3))
    assert judge.curve()[-1] == (1, 1)


def result(architecture: str, truth: str, how: str, verdict: str, log10_p: float, score: float) -> dict[str, Any]:
    name = {"kin": "08/base+int4", "siblings": "08/more", "twins": "08/twin", "strangers": "09/base"}[truth]
    found = {"verdict": verdict, "log10_p": log10_p, "score": score, "direction": "a->b", "changes": ["quantised"]}
    return {"architecture": architecture, "a": "08/base", "b": name, "truth": truth, "how": how, "seconds": 0.1} | found


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lines = []
    first, *rest = pairs.HIDDEN
    for architecture in ("llama", "gpt2", "bert"):
        lines += [result(architecture, "kin", "int4", "derived", -300, 1.0)] * 3
        lines += [result(architecture, "kin", "int4", "none", -1, 0.01)]
        lines += [result(architecture, "kin", first, "derived", 0, 0.4)]
        lines += [result(architecture, "kin", how, "none", 0, 0.02) for how in rest]
        lines += [result(architecture, "siblings", "tuned and more", "derived", -300, 0.5)]
        lines += [result(architecture, "twins", "the same start", "shared-start", -300, 0.3)]
        lines += [result(architecture, "strangers", how, "none", -0.5, 0.03) for how in ("bases", "children")]
    (tmp_path / "testing.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    (tmp_path / "testing-sketches.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    sketch = {"size": 10_400_000, "written": 9.4, "seconds": 3.2, "verdict": "derived", "log10_p_exact": -354.2}
    large = {"kind": "tuned", "layers": 32, "mib": 1573, "seconds": 70.4, "verdict": "derived", "score": 1.0}
    (tmp_path / "large.jsonl").write_text(json.dumps(large | {"log10_p_exact": -2635.9, "sketch": sketch}))
    (tmp_path / "nulls.jsonl").write_text("\n".join(json.dumps({"log10_p": p}) for p in (0, -0.1, -1.5)))
    facts = {"date": "2026-01-01", "processor": "one", "python": "3.11.7", "revision": "abcdef0"}
    (tmp_path / "testing.facts.json").write_text(json.dumps(facts))
    (tmp_path / "llama-00").mkdir()
    packages = dict.fromkeys(("torch", "numpy", "safetensors", "tokenizers"), "1.0")
    (tmp_path / "llama-00" / "family.json").write_text(json.dumps({"made_with": {"packages": packages}}))
    verdicts = {"other": {"word": "yes", "is_related": True, "score": 0.7}}
    peers = [{"truth": line["truth"], "how": line["how"], "verdicts": verdicts} for line in lines]
    (tmp_path / report.BESIDE).mkdir()
    (tmp_path / report.BESIDE / "testing.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    (tmp_path / report.BESIDE / "testing-peers.jsonl").write_text("\n".join(map(json.dumps, peers)))
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nsomething earlier\n{report.END}\nafter\n")
    for name, path in (("PAGE", page), ("CHART", tmp_path / "chart.svg"), ("NULL", tmp_path / "null.json")):
        monkeypatch.setattr(report, name, path)
    monkeypatch.setattr(report, "ROOT", tmp_path)
    return tmp_path


def test_the_page_has_all_figures(measured: Path) -> None:
    report.publish(measured)
    page = (measured / "page.md").read_text()
    assert page.startswith("before\n")
    assert page.endswith("\nafter\n")
    assert "something earlier" not in page
    assert "Measured on 2026-01-01: one; Python 3.11.7; Tukar abcdef0." in page
    assert "| accused, bases, % | 0 of 1: 0 (0–97.5) |" in page
    assert "| kin: derived, neurons and axes in order | 75.0 (19.4–99.4) |" in page
    assert "| strangers accused, bases | 0 (0–97.5) |" in page
    assert "| twins: shared-start | 100.0 (2.5–100.0) |" in page
    assert "| tuned | 32 | derived | -2636 | 1.00 | 1,573 | 70 |" in page
    assert "| tuned | derived | -354 | 10.4 | 9.4 | 3.2 |" in page
    first, *rest = pairs.HIDDEN
    assert "| **all single and compound changes** | 75.0 (19.4–99.4) |" in page
    assert f"| **{first}** | 100.0 (2.5–100.0) |" in page
    assert f"| **{rest[0]}** | 0 (0–97.5) |" in page
    assert "| claimed, of pairs that have one, % | 100.0 (" in page
    assert "| right where claimed, siblings left out, % | 100.0 (" in page
    assert "| right where claimed, % | 80.0 (" in page, "of five claims one is of siblings"
    assert "| int4 | quantised | 100.0 (66.4–100.0) |  |" in page
    assert "| LLaMA | 1 | 0 | 0 | 0 |" in page
    assert "| 0.5 | 1 | 0.33333 |" in page
    assert "| other | 0.5000 | 0 (" in page
    assert "| Tukar | 100 | 0 | 0 | 0 | 0 | 0 |" in page
    assert json.loads((measured / "null.json").read_text()) == {"gated": [0.03], "plain": [0.03, 0.03]}
    assert (measured / "chart.svg").read_text().count("<polyline") == 3


def test_every_single_change_has_a_kind() -> None:
    single = {pair.how for pair in pairs.kin("llama", 9) if not pair.how.endswith(("changes", "disguise"))}
    assert single <= set(pairs.KINDS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("09/base+rotated", False),
        ("09/base+float16", False),
        ("09/base+other words+rotated", False),
        ("09/base+int4+rotated", True),
        ("09/tuned", True),
        ("09/base+merged 0.15", True),
        ("09/base+grafted", False),
    ],
)
def test_which_children_have_a_direction(name: str, expected: bool) -> None:
    assert pairs.has_direction(name) is expected
