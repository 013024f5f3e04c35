"""What a trace has found, as JSON and as lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tukar.cli.output import Table
from tukar.lineage.trace import Trace
from tukar.lineage.words import DIRECTIONS, bound, summary

_BAR: Final = 24  # characters
_MANY: Final = 64  # layers that are shown


def value(found: Trace, a: str, b: str) -> dict[str, Any]:
    """As ``--json`` prints it; docs/reference/command-line.md has the fields."""
    return {
        "a": a,
        "b": b,
        "verdict": found.verdict,
        "p_exact": None if found.log10_p is None else 10.0 ** max(found.log10_p, -400),
        "log10_p_exact": found.log10_p,
        "p_conformal": found.p_conformal,
        "null_size": found.null_size,
        "score": found.score,
        "direction": found.direction,
        "reasons": [{"points": reason.points, "text": reason.text} for reason in found.reasons],
        "changes": [{"kind": change.kind, "text": change.text} for change in found.changes],
        "layers": [
            {"a": link.a.layer, "b": link.b.layer, "expert": link.a.expert, "agreed": round(link.agreed, 4)}
            for link in found.links
        ],
        "architectures": list(found.architectures),
        "limits": list(found.limits),
    }


def lines(found: Trace, a: str, b: str) -> Iterator[str | Table]:
    """For people."""
    layers = found.layers or (None, None)
    yield f"A  {a}{_described(found.architectures[0], layers[0])}"
    yield f"B  {b}{_described(found.architectures[1], layers[1])}"
    yield ""
    yield summary(found.verdict, found.log10_p)
    yield ""
    yield Table(("", ""), list(_facts(found)))
    if found.links:
        yield ""
        counted = "neurons in the same order" if found.is_in_order else "neurons alike"
        yield Table(("layer of A", "layer of B", counted, ">"), list(_picture(found)))
    yield ""
    yield "What to keep in mind:"
    yield from (f"  - {text}" for text in found.limits)


def _described(architecture: str | None, layers: int | None) -> str:
    if architecture is None:
        return "  (an architecture that is not in the table)"
    return f"  ({architecture})" if layers is None else f"  ({architecture}, {layers} layers)"


def _facts(found: Trace) -> Iterator[tuple[str, str]]:
    yield "order of neurons and axes", exact(found.log10_p)
    if found.score is not None:
        yield "neurons alike, whatever their order", f"{found.score:.1%}"
        yield "independent models with as many", conformal(found)
    if found.verdict in ("derived", "review"):
        yield "which came first", DIRECTIONS[found.direction]
    yield from (("  because", reason.text) for reason in found.reasons)
    for number, change in enumerate(found.changes):
        yield "what was done" if number == 0 else "", f"{change.kind}: {change.text}"


def exact(log10_p: float | None) -> str:
    """An exact p, in words."""
    if log10_p is None:
        return "nothing to compare"
    return f"p <= {bound(log10_p)} (exact: how often independent models look like this)"


def conformal(found: Trace) -> str:
    """A conformal p, in words."""
    if found.p_conformal is None or found.null_size is None:
        return "not calibrated"
    return f"p = {found.p_conformal:.2g}, by {found.null_size:,} independent pairs (conformal)"


def _picture(found: Trace) -> Iterator[tuple[str, ...]]:
    rows = found.by_layer()
    for of_a, of_b, agreed in rows[:_MANY]:
        filled = round(agreed * _BAR)
        yield of_a, of_b, "█" * filled + "░" * (_BAR - filled), f"{agreed:.0%}"
    if len(rows) > _MANY:
        yield "…", "", f"and {len(rows) - _MANY} more", ""
