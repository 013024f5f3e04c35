"""What commands print: one JSON document, or text for people; progress and notes go to standard error.

On a terminal, tables have a frame and progress is shown; elsewhere text is plain, for other programs to read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click
from rich import box, table
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import TransferSpeedColumn as SpeedColumn
from rich.text import Text

from tukar.cli.failures import printable
from tukar.gallery.text import size as size_on_pages

Advance = Callable[[int], None]
"""Called with the number of bytes done since the last call, from any thread."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under headings; a heading that begins with ``>`` is of numbers, and aligned to the right."""

    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command's results go.

    Attributes:
        as_json: print one JSON document instead of text.
    """

    as_json: bool

    def show(self, value: Any, *blocks: str | Table) -> None:
        """The result: ``value`` as JSON, or the blocks as text."""
        if self.as_json:
            click.echo(json.dumps(value, indent=2 if sys.stdout.isatty() else None))
            return
        for block in blocks:
            click.echo(printable(block)) if isinstance(block, str) else _show_table(block)

    def note(self, text: str) -> None:
        """A remark for people."""
        click.echo(printable(text), err=True)

    @contextmanager
    def progress(self, label: str, total: int | None) -> Iterator[Advance]:
        """A bar of bytes on a terminal, and nothing elsewhere."""
        with self.meter(label) as meter:
            meter.total(total)
            yield meter.advance

    @contextmanager
    def meter(self, label: str) -> Iterator[Meter]:
        """The same for what learns its total, or a total that changes, on the way."""
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        bar = Progress(
            *columns, SpeedColumn(), TimeRemainingColumn(), console=_errors(), disable=not is_watched(), transient=True
        )
        with bar:
            yield Meter(bar, bar.add_task(label, total=None))


@dataclass(frozen=True, slots=True)
class Meter:
    """A bar that is being shown."""

    _bar: Progress
    _task: TaskID

    def advance(self, size: int) -> None:
        """So many bytes more are done."""
        self._bar.advance(self._task, size)

    def total(self, size: int | None) -> None:
        """There are so many in all."""
        self._bar.update(self._task, total=size)

    def at(self, done: int) -> None:
        """So many are done in all."""
        self._bar.update(self._task, completed=done)

    def label(self, text: str) -> None:
        """What is going on."""
        self._bar.update(self._task, description=text)


def is_watched() -> bool:
    """Whether somebody watches the progress."""
    return sys.stderr.isatty()


def _errors() -> Console:
    return Console(stderr=True, highlight=False)


def size_text(size: int) -> str:
    """A size for people, as the hub's pages write it, in powers of 1,000; in ASCII, for other programs to read."""
    return size_on_pages(size).replace("\N{NO-BREAK SPACE}", " ")


def counted(count: int, noun: str) -> str:
    """A number of things: ``1 file``, ``2 files``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def moment(seconds: int) -> str:
    """Seconds since 1970 as a date of the protocol. They may be anybody's word: what is no date stays a number."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def date_text(date: str) -> str:
    """A date of the protocol, in local time."""
    try:
        return datetime.fromisoformat(date).astimezone().strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return date


def _show_table(shown: Table) -> None:
    headings = [heading.removeprefix(">") for heading in shown.headings]
    numbers = [heading.startswith(">") for heading in shown.headings]
    rows = [[printable(cell) for cell in row] for row in shown.rows]
    if sys.stdout.isatty():
        _show_framed(headings, numbers, rows)
    else:
        _show_plain(headings, numbers, rows)


def _show_framed(headings: Sequence[str], numbers: Sequence[bool], rows: Sequence[Sequence[str]]) -> None:
    framed = table.Table(box=box.ROUNDED, show_header=any(headings))
    for heading, is_number in zip(headings, numbers, strict=True):
        framed.add_column(Text(heading), justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    for row in rows:
        framed.add_row(*map(Text, row))
    Console(highlight=False).print(framed)


def _show_plain(headings: Sequence[str], numbers: Sequence[bool], rows: Sequence[Sequence[str]]) -> None:
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines if any(headings) else rows:
        cells = zip(line, widths, numbers, strict=True)
        click.echo("  ".join(c.rjust(w) if number else c.ljust(w) for c, w, number in cells).rstrip())
