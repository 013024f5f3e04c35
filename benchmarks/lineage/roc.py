"""How well a number tells kin from strangers, and the picture of it: found against accused."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from pathlib import Path
from typing import Any, Final

from benchmarks.lineage.pairs import HIDDEN
from benchmarks.lineage.rates import Rate
from benchmarks.storage.tables import NOTHING
from tukar.lineage.order import SURE
from tukar.lineage.trace import DERIVED

OWN: Final = "Tukar"

_SIZE, _MARGIN = (760, 440), (60, 230, 30, 50)  # left, right, top, bottom
_INK, _GREY = "#222222", "#8a8a8a"
_COLOURS: Final = (
    "#00796b", "#5bb5a9", "#d8572a", "#27407a", "#8a4a12", "#b03a8c", "#777777", "#c2a100",
    "#4d8f2b", "#a3261c", "#6a3fb0", "#1f9bcf",
)  # fmt: skip
_LEAST: Final = 1e-4  # share of strangers, at the left end of the picture


@dataclass(frozen=True, slots=True)
class Said:
    """Of one pair: a number that is larger for kin, and whether its author's threshold, if there is one, is reached."""

    truth: str
    how: str
    strength: float
    is_related: bool | None = None


@dataclass(frozen=True, slots=True)
class Judge:
    """What one test said of all pairs."""

    name: str
    said: Sequence[Said]

    def kin(self) -> list[Said]:
        """All but what was hidden on purpose, which is reported by itself."""
        return [each for each in self.said if each.truth == "kin" and each.how not in HIDDEN]

    def strangers(self) -> list[Said]:
        """Of two trainings."""
        return [each for each in self.said if each.truth == "strangers"]

    def area(self) -> float:
        """Under the curve: how often kin has the larger number, ties counted half (Mann and Whitney, 1947)."""
        null = sorted(each.strength for each in self.strangers())
        below = 0.0
        for each in self.kin():
            first = bisect_left(null, each.strength)
            last = bisect_left(null, each.strength + 1e-12)
            below += first + (last - first) / 2
        return below / max(len(self.kin()) * len(null), 1)

    def found(self, how: str | None = None) -> Rate:
        """Kin above every stranger; of all that was not hidden, or of one kind."""
        most = max((each.strength for each in self.strangers()), default=0.0)
        some = self.kin() if how is None else [each for each in self.said if each.how == how]
        return Rate(sum(each.strength > most for each in some), len(some))

    def at_own_threshold(self) -> tuple[Rate, Rate] | None:
        """Kin and strangers that the author's threshold calls related; None if there is none."""
        rates = []
        for some in (self.kin(), self.strangers()):
            if any(each.is_related is None for each in some):
                return None
            rates.append(Rate(sum(bool(each.is_related) for each in some), len(some)))
        return rates[0], rates[1]

    def figures(self) -> list[str]:
        """The cells of a table."""
        own = self.at_own_threshold()
        at_own = [str(rate) for rate in own] if own else [NOTHING, NOTHING]
        pairs = f"{len(self.kin()):,} and {len(self.strangers()):,}"
        return [f"{self.area():.4f}", str(self.found()), *at_own, pairs]

    def hidden(self) -> list[str]:
        """The same of what was hidden: found above all strangers, kind by kind."""
        return [f"{100 * self.found(how).share:.0f}" for how in HIDDEN]

    def curve(self) -> list[tuple[float, float]]:
        """Share of strangers and share of kin, from the strictest threshold on."""
        null = sorted(each.strength for each in self.strangers())
        kin = sorted(each.strength for each in self.kin())
        points = []
        for level in sorted({*null, *kin}, reverse=True):
            accused = (len(null) - bisect_left(null, level)) / max(len(null), 1)
            points.append((accused, (len(kin) - bisect_left(kin, level)) / max(len(kin), 1)))
        return points


def own(testing: Iterable[Mapping[str, Any]]) -> list[Judge]:
    """The verdict, by whichever of its two tests is further beyond its threshold; and the score alone."""
    both, alone = [], []
    for each in testing:
        score = each["score"] or 0.0
        strength = max(each["log10_p"] / SURE, score / DERIVED)
        both.append(Said(each["truth"], each["how"], strength, each["verdict"] not in ("none", "review")))
        alone.append(Said(each["truth"], each["how"], score, score >= DERIVED))
    return [Judge(OWN, both), Judge(f"{OWN}, the score alone", alone)]


def others(folder: Path, which: str) -> list[Judge]:
    """Published statistics and other tools, as far as they were measured."""
    found: dict[str, list[Said]] = {}
    for each in _lines(folder / f"{which}-published.jsonl"):
        for name, value in each["statistics"].items():
            found.setdefault(name, []).append(Said(each["truth"], each["how"], value))
    for each in _lines(folder / f"{which}-peers.jsonl"):
        for name, verdict in each["verdicts"].items():
            strength = verdict["score"] if verdict["score"] is not None else float(verdict["is_related"])
            found.setdefault(name, []).append(Said(each["truth"], each["how"], strength, verdict["is_related"]))
    return [Judge(name, said) for name, said in found.items()]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def drawn(testing: Sequence[Mapping[str, Any]], others: Sequence[Judge]) -> str:
    """The curves, by hand in SVG; the share of strangers is on a scale of logarithms."""
    width, height = _SIZE
    judges = [*own(testing), *others]
    parts = [_axes()]
    for judge, colour in zip(judges, _COLOURS, strict=False):
        points = " ".join(f"{_x(accused):.1f},{_y(found):.1f}" for accused, found in _steps(judge.curve()))
        weight = 3 if judge.name == OWN else 1.5
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{weight}"/>')
    for place, (judge, colour) in enumerate(zip(judges, _COLOURS, strict=False)):
        top, left = _MARGIN[2] + 18 * place + 10, width - _MARGIN[1] + 16
        parts.append(f'<rect x="{left}" y="{top - 8}" width="14" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{left + 20}" y="{top}" fill="{_INK}">{escape(judge.name)}</text>')
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"',
            'font-family="sans-serif" font-size="12" role="img">',
            "<title>Derived pairs found against independent pairs accused, test by test</title>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _steps(curve: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """No more points than can be seen: where either moves by a pixel."""
    kept = [(0.0, max((found for accused, found in curve if not accused), default=0.0))]
    for accused, found in curve:
        if accused and abs(_x(accused) - _x(kept[-1][0])) + abs(_y(found) - _y(kept[-1][1])) >= 1:
            kept += [(accused, kept[-1][1]), (accused, found)]
    return kept


def _x(accused: float) -> float:
    share = (log10(max(accused, _LEAST)) - log10(_LEAST)) / -log10(_LEAST)
    return _MARGIN[0] + share * (_SIZE[0] - _MARGIN[0] - _MARGIN[1])


def _y(found: float) -> float:
    return _SIZE[1] - _MARGIN[3] - found * (_SIZE[1] - _MARGIN[2] - _MARGIN[3])


def _axes() -> str:
    parts = []
    for power in range(round(log10(_LEAST)), 1):
        x = _x(10.0**power)
        label = "none" if 10.0**power <= _LEAST else f"{100 * 10.0**power:g} %"
        parts.append(f'<line x1="{x:.1f}" y1="{_y(0)}" x2="{x:.1f}" y2="{_y(1)}" stroke="#e3dccd"/>')
        parts.append(f'<text x="{x:.1f}" y="{_y(0) + 18}" text-anchor="middle" fill="{_GREY}">{label}</text>')
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<line x1="{_x(0)}" y1="{_y(share)}" x2="{_x(1):.1f}" y2="{_y(share)}" stroke="#e3dccd"/>')
        parts.append(f'<text x="{_x(0) - 6}" y="{_y(share) + 4}" text-anchor="end" fill="{_GREY}">{share:.0%}</text>')
    middle = (_x(0) + _x(1)) / 2
    parts.append(
        f'<text x="{middle}" y="{_SIZE[1] - 12}" text-anchor="middle" fill="{_INK}">independent pairs accused</text>'
    )
    parts.append(f'<text x="{_x(0)}" y="{_MARGIN[2] - 12}" fill="{_INK}">derived pairs found</text>')
    return "\n".join(parts)
