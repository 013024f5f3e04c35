"""The chart: what each tool stores against how fast it decodes, by hand in SVG."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

from benchmarks.storage.coders import TUKAR
from benchmarks.storage.measure import Result

_PANEL = (440, 380)
_MARGIN = (56, 16, 34, 52)  # left, right, top, bottom
_TITLES = {"llm/heavy-1": "a heavy full fine-tune", "llm/light-1": "a light one"}
_INK, _GREY, _OWN, _OTHER = "#222222", "#8a8a8a", "#00796b", "#d8572a"

Point = tuple[str, float, float]
"""A tool, MB/s, and per cent."""


def drawn(results: Sequence[Result], models: Sequence[str]) -> str:
    """A panel for each of the models, side by side."""
    here = [model for model in models if any(result.model == model for result in results)]
    width, height = _PANEL[0] * max(len(here), 1), _PANEL[1]
    panels = [_panel(_points(results, model), model, place * _PANEL[0]) for place, model in enumerate(here)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"',
            'font-family="sans-serif" font-size="11" role="img">',
            "<title>Stored bytes against decoding speed, tool by tool</title>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *panels,
            "</svg>\n",
        ]
    )


def _points(results: Sequence[Result], model: str) -> list[Point]:
    found = []
    for result in results:
        speed = result.speed(result.decode) if result.model == model else None
        if speed:
            found.append((result.coder, speed / 1e6, 100 * result.share("all")))
    return found


def _panel(points: Sequence[Point], model: str, left: int) -> str:
    scale = _Scale(points, left)
    parts = [_text(left + _MARGIN[0], 20, f"{model}: {_TITLES.get(model, 'whole model')}", weight="bold", size=13)]
    parts += scale.grid()
    places = [(name, scale.x(speed), scale.y(share)) for name, speed, share in sorted(points, key=lambda each: each[2])]
    taken = [_Box(x - 6, y - 6, x + 6, y + 6) for _, x, y in places]
    for name, x, y in places:
        colour = _OWN if name.startswith(TUKAR) else _OTHER
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>')
        box = _room(_short(name), x, y, left, taken)
        taken.append(box)
        parts.append(_text(box.left, box.bottom - 3, _short(name)))
    return "\n".join(parts)


class _Scale:
    """Speeds to the right, as logarithms; per cent upwards, from 0."""

    def __init__(self, points: Sequence[Point], left: int) -> None:
        speeds = [speed for _, speed, _ in points]
        self._low = floor(4 * log10(min(speeds))) / 4
        self._high = log10(max(speeds)) + 0.25  # room for a label
        self._top = 10 * ceil(max(share for _, _, share in points) / 10)
        self._left, self._right = left + _MARGIN[0], left + _PANEL[0] - _MARGIN[1]
        self._above, self._below = _MARGIN[2], _PANEL[1] - _MARGIN[3]

    def x(self, speed: float) -> float:
        share = (log10(speed) - self._low) / max(self._high - self._low, 0.5)
        return self._left + share * (self._right - self._left)

    def y(self, share: float) -> float:
        return self._below - share / self._top * (self._below - self._above)

    def grid(self) -> Iterator[str]:
        for share in range(0, self._top + 1, 20 if self._top > 50 else 10):
            y = self.y(share)
            yield f'<path d="M{self._left} {y:.1f}H{self._right}" stroke="#dddddd"/>'
            yield _text(self._left - 6, y + 4, f"{share} %", anchor="end", fill=_GREY)
        for exponent in range(floor(self._low), ceil(self._high) + 1):
            for step in (1, 2, 5):
                speed = step * 10.0**exponent
                if 10**self._low <= speed <= 10**self._high * 1.001:
                    yield f'<path d="M{self.x(speed):.1f} {self._above}V{self._below}" stroke="#eeeeee"/>'
                    yield _text(self.x(speed), self._below + 16, f"{speed:g}", anchor="middle", fill=_GREY)
        middle = (self._left + self._right) / 2
        yield _text(middle, self._below + 36, "decoding, MB/s of raw bytes, one thread", anchor="middle")


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


def _room(text: str, x: float, y: float, left: int, taken: Sequence[_Box]) -> _Box:
    """Where a label has room: beside its point or, farther and farther, above and below it."""
    width = 5.7 * len(text)
    for away in range(0, 90, 6):
        for side in (x + 8, x - 8 - width, x - width / 2):
            for top in (y - 7 - away, y - 7 + away):
                box = _Box(side, top, side + width, top + 13)
                is_inside = box.left > left + _MARGIN[0] and box.right < left + _PANEL[0] - 2
                if is_inside and not any(box.meets(other) for other in taken):
                    return box
    return _Box(x + 8, y - 7, x + 8 + width, y + 6)


def _short(name: str) -> str:
    """Without versions and details, which the tables have."""
    name = name.replace("XOR + zstd -3 (BitX)", "BitX").removeprefix("XOR + ").removesuffix(" of 1 MiB")
    return re.sub(r" (\d[\d.]*|\(.*\))$", "", name)


def _text(
    x: float, y: float, text: str, anchor: str = "start", fill: str = _INK, weight: str = "normal", size: int = 11
) -> str:
    style = f'text-anchor="{anchor}" fill="{fill}" font-weight="{weight}" font-size="{size}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'
