"""What was measured: docs/design/lineage.md between two marks, its picture, and the null of the package."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.families import text
from benchmarks.families.files import replace
from benchmarks.lineage import pairs, roc, zoo
from benchmarks.lineage.nulls import LEVELS
from benchmarks.lineage.pairs import HIDDEN
from benchmarks.lineage.rates import Rate
from benchmarks.processes import ROOT
from benchmarks.storage.tables import table
from tukar.lineage.trace import DERIVED

PAGE: Final = ROOT / "docs/design/lineage.md"
CHART: Final = ROOT / "docs/images/lineage.svg"
NULL: Final = ROOT / "src/tukar/lineage/null.json"
BEGIN, END = (
    "<!-- what follows is written by python -m benchmarks.lineage report -->",
    "<!-- end of what is written -->",
)


BESIDE: Final = "beside"
"""The folder with the pairs that others were asked of, fewer than all; Tukar too."""

TITLES: Final = {"llama": "LLaMA", "gpt2": "GPT-2", "bert": "BERT"}

Result = Mapping[str, Any]

_TRUTHS: Final = {"kin": "a->b", "siblings": "siblings"}
_PERMUTED: Final = "neurons permuted"
_TURNED: Final = ("axes permuted", "rotated")
_SMALL: Final = -100  # log10 p
_PICTURE: Final = "![Derived pairs found against independent pairs accused, test by test](../images/lineage.svg)"


def publish(folder: Path) -> None:
    """Write all of it from the lines of JSON that were measured."""
    testing, tuning = (_read(folder / f"{name}.jsonl") for name in ("testing", "tuning"))
    parts = [_facts(folder, testing, tuning), _strangers(testing), _found(testing), _changes(testing)]
    parts += [_directions(testing), _twins(testing), _exact(testing)]
    nulls, real = _read(folder / "nulls.jsonl"), _read(folder / "real.jsonl")
    parts += [_nulls(nulls)] if nulls else []
    parts += [_real(real)] if real else []
    large = _read(folder / "large.jsonl")
    parts += [_large(large)] if large else []
    sketches = _read(folder / "testing-sketches.jsonl")
    parts += [_by_sketches(sketches)] if sketches else []
    beside = _read(folder / BESIDE / "testing.jsonl")
    others = roc.others(folder / BESIDE, "testing")
    parts += [_others(beside, others)] if others else []
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    written = "\n\n".join(parts)
    replace(PAGE, f"{before}{BEGIN}\n\n{written}\n\n{END}{after}".encode())
    replace(CHART, roc.drawn(beside or testing, others).encode())
    replace(NULL, json.dumps(_null(testing)).encode())
    print(f"written: {PAGE.relative_to(ROOT)}, {CHART.relative_to(ROOT)}, {NULL.relative_to(ROOT)}")


def _read(path: Path) -> list[Result]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _null(testing: Iterable[Result]) -> dict[str, list[float]]:
    """The scores of independent bases, by whether their neurons have gates."""
    found: dict[str, list[float]] = {"gated": [], "plain": []}
    for each in testing:
        if each["truth"] == "strangers" and each["how"] == "bases" and each["score"] is not None:
            found["gated" if each["architecture"] == "llama" else "plain"].append(each["score"])
    return {name: sorted(scores) for name, scores in found.items()}


def _facts(folder: Path, testing: Sequence[Result], tuning: Sequence[Result]) -> str:
    facts = json.loads((folder / "testing.facts.json").read_text())
    made = json.loads((folder / "llama-00" / "family.json").read_text())["made_with"]
    packages = ", ".join(f"{name} {made['packages'][name]}" for name in ("torch", "numpy", "safetensors", "tokenizers"))
    return (
        f"Measured on {facts['date']}: {facts['processor']}; Python {facts['python']}; Tukar "
        f"{facts.get('revision', 'of no revision')}. The zoo was trained with {packages}, text "
        f"{text.DIGEST[:12]}. {len(testing):,} pairs of the testing families (numbers {zoo.TUNING} to "
        f"{zoo.TUNING + zoo.TESTING - 1}), a median of {_median(each['seconds'] for each in testing):.2f} s each; "
        f"thresholds were chosen on {len(tuning):,} pairs of the others. Intervals are of 95 % (Clopper and Pearson)."
    )


def _median(values: Iterable[float]) -> float:
    known = sorted(values)
    return known[len(known) // 2] if known else float("nan")


def _by_architecture(head: str, rows: Iterable[tuple[str, Callable[[str | None], str]]], *, is_sum: bool = True) -> str:
    names: list[str | None] = [*zoo.ARCHITECTURES, *([None] if is_sum else [])]
    titles = [TITLES.get(name or "", "all") for name in names]
    return table([head, *titles], [[title, *(cell(name) for name in names)] for title, cell in rows])


def _of(results: Iterable[Result], architecture: str | None, **wanted: str) -> list[Result]:
    return [
        each
        for each in results
        if architecture in (None, each["architecture"]) and all(each[name] == value for name, value in wanted.items())
    ]


def _strangers(testing: Sequence[Result]) -> str:
    def accused(how: str) -> Callable[[str | None], str]:
        def cell(name: str | None) -> str:
            some = strangers(name, how)
            rate = Rate(sum(each["verdict"] != "none" for each in some), len(some))
            return f"{rate.count} of {rate.of:,}: {rate}"

        return cell

    def most(how: str) -> Callable[[str | None], str]:
        def cell(name: str | None) -> str:
            return f"{max((each['score'] for each in strangers(name, how)), default=0):.3f}"

        return cell

    def least(how: str) -> Callable[[str | None], str]:
        def cell(name: str | None) -> str:
            return f"{10 ** min((each['log10_p'] for each in strangers(name, how)), default=0):.2g}"

        return cell

    def strangers(name: str | None, how: str) -> list[Result]:
        return _of(testing, name, truth="strangers", how=how)

    rows = [
        ("accused, bases, %", accused("bases")),
        ("accused, children, %", accused("children")),
        ("highest score, bases", most("bases")),
        ("highest score, children", most("children")),
        ("least p, bases", least("bases")),
        ("least p, children", least("children")),
    ]
    return f"## Independent models\n\n{_by_architecture('', rows)}"


def _found(testing: Sequence[Result]) -> str:
    def cell(
        is_wanted: Callable[[Result], bool], verdicts: Sequence[str] = ("derived",)
    ) -> Callable[[str | None], str]:
        def text(name: str | None) -> str:
            some = [each for each in _of(testing, name, truth="kin") if is_wanted(each)]
            return str(Rate(sum(each["verdict"] in verdicts for each in some), len(some)))

        return text

    hows = list(dict.fromkeys(each["how"] for each in testing if each["truth"] == "kin"))
    single = [how for how in hows if how not in HIDDEN]
    rows = [("**all single and compound changes**", cell(lambda each: each["how"] in single))]
    for how in (*HIDDEN, *single):
        title = f"**{how}**" if how in HIDDEN else how
        rows.append((title, cell(lambda each, how=how: each["how"] == how)))  # type: ignore[misc]
    siblings = list(dict.fromkeys(each["how"] for each in testing if each["truth"] == "siblings"))

    def of_siblings(how: str) -> Callable[[str | None], str]:
        def text(name: str | None) -> str:
            some = _of(testing, name, truth="siblings", how=how)
            return str(Rate(sum(each["verdict"] == "derived" for each in some), len(some)))

        return text

    rows += [(f"siblings: {how}", of_siblings(how)) for how in siblings]
    return f"## Derived pairs that were found, %\n\n{_by_architecture('', rows)}"


def _changes(testing: Sequence[Result]) -> str:
    rows = []
    for how, kind in pairs.KINDS.items():
        some = [
            each for each in testing if each["truth"] == "kin" and each["how"] == how and each["verdict"] == "derived"
        ]
        if some:
            named = Counter(change for each in some for change in set(each["changes"]))
            others = ", ".join(f"{name} {count}" for name, count in named.most_common() if name != kind)
            rows.append([how, kind, str(Rate(named[kind], len(some))), others])
    return "## What single changes were called\n\n" + table(
        ["change", "to be called", "was, %", "other names given"], rows
    )


def _directions(testing: Sequence[Result]) -> str:
    """Of siblings neither is the other's parent: to say that one is is wrong, to say that they are siblings right."""
    related = [each for each in testing if each["truth"] in ("kin", "siblings") and each["verdict"] == "derived"]

    def claimed(name: str | None) -> str:
        some = [each for each in _of(related, name, truth="kin") if pairs.has_direction(each["b"])]
        return str(Rate(sum(each["direction"] != "unknown" for each in some), len(some)))

    def right(truths: Sequence[str]) -> Callable[[str | None], str]:
        def cell(name: str | None) -> str:
            some = [each for each in _of(related, name) if each["truth"] in truths and each["direction"] != "unknown"]
            return str(Rate(sum(each["direction"] == _TRUTHS[each["truth"]] for each in some), len(some)))

        return cell

    rows = [("claimed, of pairs that have one, %", claimed)]
    rows += [("right where claimed, %", right(("kin", "siblings")))]
    rows += [("right where claimed, siblings left out, %", right(("kin",)))]
    siblings = []
    for how in dict.fromkeys(each["how"] for each in testing if each["truth"] == "siblings"):
        told = Counter(each["direction"] for each in testing if each["truth"] == "siblings" and each["how"] == how)
        siblings.append([how, *(str(told[name]) for name in ("siblings", "unknown", "a->b", "b->a"))])
    table_of_siblings = table(["", "siblings", "unknown", "first is the parent", "second is"], siblings)
    return (
        f"## Who came first\n\n{_by_architecture('', rows)}\n\nOf siblings, where neither did:\n\n{table_of_siblings}"
    )


def _twins(testing: Sequence[Result]) -> str:
    rows = []
    for name in zoo.ARCHITECTURES:
        told = Counter(each["verdict"] for each in _of(testing, name, truth="twins"))
        rows.append([TITLES[name], *(str(told[verdict]) for verdict in ("shared-start", "derived", "review", "none"))])
    return "## The same random start\n\n" + table(["", "shared-start", "derived", "review", "none"], rows)


def _exact(testing: Sequence[Result]) -> str:
    """How small p is where something of the order survives."""

    def cell(how: str) -> Callable[[str | None], str]:
        def text(name: str | None) -> str:
            found = sorted(each["log10_p"] for each in _of(testing, name, truth="kin", how=how))
            if not found:
                return "–"
            share = Rate(sum(each <= _SMALL for each in found), len(found)).share
            return f"{100 * share:.0f}, {found[len(found) // 2]:.0f}, {found[-1]:.0f}"

        return text

    rows = [(how, cell(how)) for how in pairs.KINDS]
    text = f"Of each change: the share of pairs with p ≤ 1e{_SMALL} in %, the median of log10 p, and the largest."
    return f"## How small exact p are\n\n{text}\n\n{_by_architecture('', rows)}"


def _nulls(nulls: Sequence[Result]) -> str:
    rows = []
    for level in LEVELS:
        rate = Rate(sum(10 ** each["log10_p"] <= level for each in nulls), len(nulls))
        low, high = rate.interval()
        rows.append([f"{level:g}", str(rate.count), f"{rate.share:.5f}", f"{low:.5f}–{high:.5f}"])
    head = ["x", "pairs with p ≤ x", "share", "interval"]
    return f"## Exact p on {len(nulls):,} relabelled pairs\n\n{table(head, rows)}"


def _real(real: Sequence[Result]) -> str:
    rows = [
        [
            f"{each['family']}: {each['a']}, {each['b']}",
            each["truth"],
            each["verdict"],
            "–" if each["log10_p"] is None else f"1e{each['log10_p']:.0f}",
            "–" if each["score"] is None else f"{each['score']:.2f}",
            each["direction"],
            ", ".join(each["changes"]) or "–",
            f"{each['seconds']:.1f}",
        ]
        for each in real
    ]
    head = ["models", "truth", "verdict", "p ≤", "score", "direction", "changes", "seconds"]
    return f"## Published models\n\n{table(head, rows)}"


def _large(large: Sequence[Result]) -> str:
    rows = []
    for each in large:
        numbers = (f"{each['log10_p_exact']:.0f}", f"{each['score']:.2f}", f"{each['mib']:,}", f"{each['seconds']:.0f}")
        rows.append([each["kind"], str(each["layers"]), each["verdict"], *numbers])
    head = ["beside its parent", "layers", "verdict", "log10 p", "score", "memory, MiB", "seconds, one thread"]
    of_sketches = []
    for each, sketch in ((each, each["sketch"]) for each in large):
        numbers = (f"{sketch['size'] / 1e6:.1f}", f"{sketch['written']:.1f}", f"{sketch['seconds']:.1f}")
        of_sketches.append([each["kind"], sketch["verdict"], f"{sketch['log10_p_exact']:.0f}", *numbers])
    other = ["by sketches", "verdict", "log10 p", "MB", "seconds to write", "seconds to compare, one thread"]
    return f"## Two models of the shapes of a 7B\n\n{table(head, rows)}\n\n{table(other, of_sketches)}"


def _by_sketches(results: Sequence[Result]) -> str:
    """Of sketches alone, by what they can see."""

    def cell(truth: str, is_wanted: Callable[[Result], bool], *verdicts: str) -> Callable[[str | None], str]:
        def text(name: str | None) -> str:
            some = [each for each in _of(results, name, truth=truth) if is_wanted(each)]
            return str(Rate(sum(each["verdict"] in verdicts for each in some), len(some)))

        return text

    accusing = ("derived", "shared-start", "review")
    rows = [
        ("strangers accused, bases", cell("strangers", lambda each: each["how"] == "bases", *accusing)),
        ("strangers accused, children", cell("strangers", lambda each: each["how"] == "children", *accusing)),
        ("kin: derived, neurons and axes in order", cell("kin", _is_in_order, "derived")),
        ("kin: derived, 2 to 6 changes", cell("kin", lambda each: each["how"].endswith(" changes"), "derived")),
        ("kin: derived, axes permuted or turned", cell("kin", lambda each: each["how"] in _TURNED, "derived")),
        ("kin: review, neurons permuted", cell("kin", lambda each: each["how"] == _PERMUTED, "review")),
        ("siblings: derived", cell("siblings", lambda _: True, "derived")),
        ("twins: shared-start", cell("twins", lambda _: True, "shared-start")),
    ]
    return f"## By sketches alone, %\n\n{_by_architecture('', rows)}"


def _is_in_order(each: Result) -> bool:
    return each["how"] in pairs.KINDS and each["how"] not in (_PERMUTED, *_TURNED)


def _others(testing: Sequence[Result], others: Sequence[roc.Judge]) -> str:
    judges = [*roc.own(testing), *others]
    head = ["", "area under the curve", "found above all strangers, %"]
    head += ["found at its own threshold, %", "strangers at that, %", "kin and strangers"]
    text = (
        "*Above all strangers* puts the threshold where no stranger is accused, which is kind to every test;"
        f" Tukar's own are a score of {DERIVED} or a p of 1e-6."
    )
    plain = table(head, [[judge.name, *judge.figures()] for judge in judges])
    count = judges[0].found(next(iter(HIDDEN))).of
    hidden = table(["", *HIDDEN], [[judge.name, *judge.hidden()] for judge in judges])
    found = f"What was hidden on purpose, {count} pairs of each kind: found above all strangers, %."
    return "\n\n".join(["## Beside others, on the same pairs", text, plain, _PICTURE, found, hidden])
