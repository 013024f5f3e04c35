"""What was measured, as Markdown: the section of docs/design/storage.md between two marks, and its chart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.families.files import replace
from benchmarks.processes import ROOT
from benchmarks.storage import chart
from benchmarks.storage.coders import BITX, BITX_BLOCKS, TUKAR
from benchmarks.storage.measure import SPEEDS, Result
from benchmarks.storage.peers import LMZIP
from benchmarks.storage.store import Sum
from benchmarks.storage.tables import megabytes, middle, percent, ratio, table
from benchmarks.storage.two import Two

if TYPE_CHECKING:
    from benchmarks.storage.__main__ import Measured

PAGE = ROOT / "docs/design/storage.md"
CHART = ROOT / "docs/images/storage.svg"
BEGIN, END = "<!-- what follows is written by make bench-storage -->", "<!-- end of what is written -->"

_GROUPS = ("heavy", "middle", "light", "lora", "average", "f16", "f32")
_TITLES = {
    "lora": "LoRA, merged",
    "f16": "F16",
    "f32": "F32",
    "base bf16": "base, BF16",
    "base f16": "base, F16",
    "base f32": "base, F32",
}
_BASES = ("base bf16", "base f16", "base f32")
_FULL = ("heavy", "middle", "light")
_BARS = {("heavy", "linear"): (0.55, 0.75), ("light", "linear"): (0.42, 0.65)}
_WHOLE = 0.55


def publish(text: str, measured: Measured) -> None:
    """Put the text on the page, and draw the chart."""
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    replace(CHART, chart.drawn(measured.results, SPEEDS[:2]).encode())
    replace(PAGE, f"{before}{BEGIN}\n\n{text}\n\n{END}{after}".encode())
    print(f"written: {PAGE.relative_to(ROOT)}, {CHART.relative_to(ROOT)}")


def written(measured: Measured) -> str:
    """All tables of what there is."""
    parts = [_machine(measured)]
    if measured.results:
        found = measured.results
        parts += [_increments(found), _ratios(found), _by_model(found), _speeds(found)]
    if measured.twos:
        parts.append(_twos(measured.twos))
    if measured.bounds:
        parts.append(_bounds(measured))
    if measured.sums:
        parts.append(_sums(measured))
    if measured.pulls:
        parts.append(_pulls(measured))
    return "\n\n".join(parts)


def _machine(measured: Measured) -> str:
    facts = measured.machine
    text = (
        f"Measured on {facts['date']}: {facts['processor']}; {facts['processors']} processors, load {facts['load']} "
        f"at the start; Python {facts['python']}, {facts['system']}; Tukar {facts.get('revision', 'of no revision')}. "
        f"Best of {measured.rounds} rounds."
    )
    missing = [f"Not measured, since it could not be loaded: {each}." for each in measured.missing]
    return "\n\n".join([text, *missing])


def _coders(found: Iterable[Result]) -> list[str]:
    return list(dict.fromkeys(result.coder for result in found))


def _share(found: Iterable[Result], coder: str, group: str, scope: str) -> float | None:
    return middle(result.share(scope) for result in found if (result.coder, result.group) == (coder, group))


def _increments(found: Sequence[Result]) -> str:
    """Each tool's medians over models."""
    parts = ["## Increments", "In per cent of the raw bytes, medians over the models of a column. Linear layers:"]
    for scope, groups in (("linear", _GROUPS), ("all", (*_GROUPS, *_BASES))):
        here = [group for group in groups if any(result.group == group for result in found)]
        rows = [
            [coder, *(percent(_share(found, coder, group, scope)) for group in here)]
            for coder in _coders(found)
            if not coder.startswith(TUKAR) or coder == _coders(found)[0]
        ]
        rows[0][0] = TUKAR if rows[0][0].startswith(TUKAR) else rows[0][0]
        parts.append(table(["tool", *(_TITLES.get(group, group) for group in here)], rows))
        if scope == "linear":
            parts.append("Whole models, with their embeddings; and bases by themselves:")
    return "\n\n".join(parts)


def _one(found: Iterable[Result], model: str, is_wanted: Callable[[str], bool], scope: str) -> float | None:
    """The shortest of some coders' with a model."""
    shares = [result.share(scope) for result in found if result.model == model and is_wanted(result.coder)]
    return min(shares, default=None)


def _shares(found: Sequence[Result], model: str, scope: str) -> list[float | None]:
    """Tukar, BitX (the better of its two ways), lmzip."""
    wanted: list[Callable[[str], bool]] = [
        lambda name: name.startswith(TUKAR),
        lambda name: name in (BITX, BITX_BLOCKS),
        lambda name: name.startswith(LMZIP),
    ]
    return [_one(found, model, each, scope) for each in wanted]


def _relations(found: Sequence[Result], model: str, scope: str) -> list[float | None]:
    """Tukar's bytes by BitX's, and by lmzip's."""
    own, *others = _shares(found, model, scope)
    return [own / other if own is not None and other else None for other in others]


def _models(found: Iterable[Result], groups: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(result.model for group in groups for result in found if result.group == group))


def _ratios(found: Sequence[Result]) -> str:
    rows = []
    for group in _FULL:
        names = _models(found, [group])
        if not names:
            continue
        linear, whole = ([_relations(found, name, scope) for name in names] for scope in ("linear", "all"))
        cells = [[relation[other] for relation in scope] for scope in (linear, whole) for other in (0, 1)]
        rows.append([group, *(_spread(values) for values in cells)])
    heavy, light = _BARS["heavy", "linear"], _BARS["light", "linear"]
    head = ["full fine-tunes", "linear: by BitX", "by lmzip", "whole: by BitX", "by lmzip"]
    bars = (
        f"Bars: linear layers at most {heavy[0]} of BitX and {heavy[1]} of lmzip where fine-tuning was heavy, "
        f"{light[0]} and {light[1]} where it was light; whole models at most {_WHOLE} of BitX."
    )
    return "\n\n".join(
        ["Tukar's bytes by those of others, medians over models (least to most):", table(head, rows), bars]
    )


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ratio(middle(known))
    return f"{ratio(middle(known))} ({min(known):.3f}–{max(known):.3f})"


def _by_model(found: Sequence[Result]) -> str:
    rows = []
    for name in _models(found, _GROUPS):
        group = next(result.group for result in found if result.model == name)
        cells = []
        for scope in ("linear", "all"):
            cells += [*map(percent, _shares(found, name, scope)), *map(ratio, _relations(found, name, scope))]
        rows.append([f"{name} ({_TITLES.get(group, group)})", _median_layer(found, name), *cells])
    head = ["Tukar %", "BitX %", "lmzip %", "by BitX", "by lmzip"]
    titles = ["model", "median layer: by BitX", *(f"linear: {head[0]}", *head[1:]), *(f"whole: {head[0]}", *head[1:])]
    return "\n\n".join(["## Model by model", table(titles, rows)])


def _median_layer(found: Sequence[Result], model: str) -> str:
    """The median over layers, instead of all their bytes together."""
    here = [result for result in found if result.model == model]
    own = next((result.shares for result in here if result.coder.startswith(TUKAR)), [])
    others = [result.shares for result in here if result.coder in (BITX, BITX_BLOCKS)]
    theirs = [min(shares) for shares in zip(*others, strict=True)]
    return ratio(middle(mine / other for mine, other in zip(own, theirs, strict=False) if other))


def _speeds(found: Sequence[Result]) -> str:
    here = [model for model in SPEEDS if any(result.model == model for result in found)]
    rows = []
    for coder in _coders(found):
        results = {result.model: result for result in found if result.coder == coder}
        exact = "yes" if all(result.exact for result in results.values()) else "**no**"
        note = next(iter(results.values())).note
        rows.append([coder + (f" ({note})" if note else ""), exact, *(_speed(results.get(model)) for model in here)])
    text = (
        "MB/s of raw bytes, encoding / decoding, of whole models beside their bases: one thread, from memory, the "
        "output dropped. *Exact*: of every model, what was decoded has the SHA-256 of what was encoded."
    )
    chart_of = f"![Bytes against decoding speed](../images/{CHART.name})"
    return "\n\n".join(["## Speed", text, table(["tool", "exact", *here], rows), chart_of])


def _speed(result: Result | None) -> str:
    if result is None:
        return "–"
    return f"{megabytes(result.speed(result.encode))} / {megabytes(result.speed(result.decode))}"


def _twos(found: Sequence[Two]) -> str:
    rows = []
    for each in found:
        speeds = [each.thread, each.threads, each.processes]
        by_one = [f"{speed / each.thread:.2f}" for speed in speeds[1:]]
        rows.append([each.model, each.coder, *map(megabytes, speeds), *by_one])
    head = ["model", "kernel", "one thread", "two threads", "two processes", "threads by one", "processes by one"]
    text = (
        "MB/s of raw bytes, decoding: by one thread; by two threads of one process, a model together; and by two "
        "processes that share nothing, a model each, which shows what a second processor of this machine can add."
    )
    return "\n\n".join(["## Two processors", text, table(head, rows)])


def _bounds(measured: Measured) -> str:
    rows = []
    for model, bounds in measured.bounds.items():
        cells = []
        for scope in ("linear", "all"):
            here = bounds[scope]
            own = _one(measured.results, model, lambda name: name.startswith(TUKAR), scope)
            least, likely = here.counted / max(here.raw, 1), here.estimated / max(here.raw, 1)
            away = [own / each - 1 if own is not None and each else None for each in (least, likely)]
            cells += [percent(least, 2), percent(likely, 2), percent(own, 2), *map(percent, away)]
        rows.append([model, *cells])
    head = ["counted", "estimated", "Tukar", "above counted", "above estimated"]
    text = (
        "Per cent of the raw bytes: the entropy of the difference of the floats' ordered numbers, given the exponent "
        "of the base's element, tensor by tensor, order 0, as counted; and as estimated where there are too few "
        "elements to count, as in F32, where the count is far too low; what Tukar takes, with all its tables; and how "
        "much more that is, in per cent of either. It can be less, since Tukar knows rows and columns, too."
    )
    titles = ["model", *(f"linear: {head[0]}", *head[1:]), *(f"whole: {head[0]}", *head[1:])]
    return "\n\n".join(["## The bound", text, table(titles, rows)])


def _sums(measured: Measured) -> str:
    names = list(dict.fromkeys(name for each in measured.sums for name in each.others))
    columns: list[tuple[str, Callable[[Sum], int | None]]] = [
        ("raw", lambda each: each.raw),
        ("Tukar as pushed", lambda each: each.pushed),
        ("Tukar", lambda each: each.disk),
        ("of that packs", lambda each: each.packs),
        ("on the disk", lambda each: each.allocated),
        *((name, partial(_other, name)) for name in names),
    ]
    rows = []
    for each in measured.sums:
        values = [get(each) for _, get in columns]
        rows.append([f"{each.what}: {each.models} models", *map(megabytes, values)])
        rows.append(["in per cent", *(percent(value / each.raw if value else None) for value in values)])
    faults = sum(each.faults for each in measured.sums)
    text = (
        "A running hub gets every model by `tukar push`; then `tukar repack --wait` and `tukar gc --grace 0`. MB: all "
        "files of its data folder, with database and index. It finds relatives by itself; BitX and lmzip are told "
        f"them. The models of the second row came to what the first had become. Every file was then read back and "
        f"compared, and `tukar check` ran: {faults} faults."
    )
    return "\n\n".join(["## Both families in one hub", text, table(["models", *(name for name, _ in columns)], rows)])


def _other(name: str, each: Sum) -> int | None:
    return each.others.get(name)


def _pulls(measured: Measured) -> str:
    ways = list(dict.fromkeys(way for pull in measured.pulls for way in pull.passed))
    head = ["model", "MB", *ways, *(f"{way}, by hf download" for way in ways[:-1]), "exact"]
    rows = []
    for pull in measured.pulls:
        stock = pull.passed[ways[-1]]
        relations = [ratio(pull.passed[way] / stock) for way in ways[:-1]]
        passed = [megabytes(pull.passed[way]) for way in ways]
        rows.append([pull.model, megabytes(pull.raw), *passed, *relations, "yes" if pull.exact else "**no**"])
    text = (
        "MB that come down the line with a full fine-tune, to somebody who has its base, from the same hub. The stock "
        "client has the base in its cache as well. Bar: at most 0.35."
    )
    return "\n\n".join(["## On the wire", text, table(head, rows)])
