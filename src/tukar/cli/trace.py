"""``tukar trace``: whether one model descends from another, by their weights."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from tukar.cli import options, trace_view, whole
from tukar.cli.output import Output, Table, counted
from tukar.cli.weighing import Models, Named, models, named, weights
from tukar.errors import TukarError
from tukar.gallery.pages import trace_report
from tukar.lineage import trace as tracing
from tukar.lineage.trace import Trace
from tukar.lineage.words import bound, summary

_ORDER: Final = ("derived", "review", "shared-start", "none")
_REPORT: Final = b"<!doctype html"  # how one begins: what begins otherwise is not replaced
_SHOWN: Final = 20  # models without any relation, beyond which they are only counted


@click.command()
@click.argument("a")
@click.argument("b", required=False)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write a report of the comparison with B to this file, for a browser; it needs nothing else.",
)
@options.data_option
@options.json_option
def trace(a: str, b: str | None, html: Path | None, data: Path | None, output: Output) -> None:
    """Test by their weights whether one of two models descends from the other.

    A and B are files or folders with weights (safetensors or GGUF), or models of the hub: NAMESPACE/NAME, with
    @REVISION and #FILE where that is needed. Without B, A is compared with every model of the hub that you may read,
    the most related first. Only weights are read, and no model is run; for two that are here, no hub is needed.

    Either may be a sketch, as `tukar sketch` writes it: then only the order of neurons and axes is compared, in
    seconds.

    The verdict is evidence with an error rate, and no accusation: what the test cannot see stands below it.

    \b
    Examples:
      tukar trace ./base ./suspect
      tukar trace ./base.safetensors ./quantised.gguf --html report.html
      tukar trace acme/base acme/child --json
      tukar trace ./mine --data ./my-hub
      tukar trace acme/child
      tukar trace base.sketch ./suspect
    """
    if html is not None:
        if b is None:
            raise click.UsageError("--html is for a comparison of two models: name B")
        whole.check(html, _REPORT)  # before much is read
    one, other = named(a), None if b is None else named(b)
    with ExitStack() as until:
        is_here = isinstance(one, Path) and isinstance(other, Path)
        hub = None if is_here else until.enter_context(models(data))
        if other is not None:
            _show_pair(_pair(one, other, hub, output), a, str(b), html, output)
        elif hub is not None:
            _show_all(one, hub, data, output)


def _pair(one: Path | Named, other: Path | Named, hub: Models | None, output: Output) -> Trace:
    with (
        output.meter("Trace: read") as meter,
        weights(one, hub, meter.advance) as first,
        weights(other, hub, meter.advance) as second,
    ):
        return tracing.trace(first, second)


def _show_pair(found: Trace, a: str, b: str, html: Path | None, output: Output) -> None:
    if html is not None:
        whole.write(html, trace_report(found, a, b).encode(), _REPORT)
        output.note(f"report: {html}")
    output.show(trace_view.value(found, a, b), *trace_view.lines(found, a, b))


def _show_all(one: Path | Named, hub: Models, data: Path | None, output: Output) -> None:
    known = [id_ for id_ in hub.ids() if not isinstance(one, Named) or id_ != str(one.repo)]
    found, failed = _compared(one, known, hub, output)
    found.sort(key=lambda pair: _rank(pair[1]))
    value: dict[str, Any] = {
        "a": str(one),
        "models": [trace_view.value(each, str(one), name) for name, each in found],
        "failed": [{"b": name, "error": str(error)} for name, error in failed],
    }
    output.show(value, *_listed(found, failed, partial(_again, str(one), data)))


def _again(one: str, data: Path | None, other: str) -> str:
    """The command that compares two of them."""
    return shlex.join(["tukar", "trace", one, other, *([] if data is None else ["--data", str(data)])])


_Found = list[tuple[str, Trace]]
_Failed = list[tuple[str, TukarError]]


def _compared(one: Path | Named, known: Sequence[str], hub: Models, output: Output) -> tuple[_Found, _Failed]:
    found: _Found = []
    failed: _Failed = []
    with output.meter("Trace") as meter, weights(one, hub, meter.advance) as first:
        for number, name in enumerate(known, 1):
            meter.label(f"Trace: {number} of {len(known)}, {name}")
            try:
                with weights(Named.parse(name), hub, meter.advance) as second:
                    found.append((name, tracing.trace(first, second)))
            except TukarError as error:  # one that cannot be read says nothing of the others
                failed.append((name, error))
    return found, failed


def _rank(found: Trace) -> tuple[int, float, float]:
    return _ORDER.index(found.verdict), found.log10_p or 0.0, -(found.score or 0.0)


def _listed(found: _Found, failed: _Failed, again: Callable[[str], str]) -> Iterator[str | Table]:
    """For people.

    Args:
        again: the command that compares with one of them, by its name.
    """
    if not found and not failed:
        yield "there are no other models that you may read"
        return
    related = [pair for pair in found if pair[1].verdict != "none"]
    others = [pair for pair in found if pair[1].verdict == "none"]
    shown = related + others[:_SHOWN]
    if shown:
        headings = ("model", "verdict", ">exact p", ">neurons alike", "which came first", "what was done")
        yield Table(headings, [_row(name, each) for name, each in shown])
    if len(others) > _SHOWN:
        yield f"and {counted(len(others) - _SHOWN, 'model')} more without any relation found"
    yield from (f"not compared: {name}: {error}" for name, error in failed)
    if related:
        yield "the evidence, and what to keep in mind: " + again(related[0][0])
    elif found:
        yield "what the test cannot see: " + again(found[0][0])


def _row(name: str, found: Trace) -> tuple[str, ...]:
    p = "" if found.log10_p is None else bound(found.log10_p)
    score = "" if found.score is None else f"{found.score:.0%}"
    came = {"a->b": "A", "b->a": "this", "siblings": "neither", "unknown": ""}[found.direction]
    verdict = found.verdict if found.log10_p is not None else summary(found.verdict, None).partition(":")[0]
    return name, verdict, p, score, came, ", ".join(dict.fromkeys(change.kind for change in found.changes))
