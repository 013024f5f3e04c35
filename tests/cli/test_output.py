"""What people read, and what other programs read."""

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tukar.cli.failures import printable
from tukar.cli.output import counted, date_text, size_text

from .files import model, write
from .hub import TUKAR, Commands


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (90_868_376, "90.9 MB"), (5 << 30, "5.37 GB"), (10**15, "1.00 PB")],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text


def test_numbers_of_things() -> None:
    assert [counted(count, "file") for count in (0, 1, 2)] == ["0 files", "1 file", "2 files"]


def test_dates_of_the_protocol() -> None:
    assert date_text("2026-01-02T03:04:05.678Z")[:7] == "2026-01"
    assert date_text("yesterday") == "yesterday"


def test_what_could_command_a_terminal_is_replaced() -> None:
    assert printable("a\x1b[31m\n\u202eb") == "a\ufffd[31m\ufffd\ufffdb"


def test_tables_are_plain_where_nobody_watches(tukar: Commands, name: str, tmp_path: Path) -> None:
    tukar.json("push", write(tmp_path / "m", {"a.txt": b"a", "long/" * 30 + "b.txt": b"b"}), name)
    done = tukar("show", name)
    lines = done.stdout.splitlines()
    assert any(line.startswith("long/" * 30 + "b.txt  ") for line in lines)
    assert done.stdout.isascii()
    assert done.stderr == ""
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_terminal_gets_frames_and_progress(tukar: Commands, name: str, tmp_path: Path) -> None:
    folder = model(tmp_path / "m")
    told = _on_a_terminal(tukar, "push", str(folder), name)
    assert "\u256d" in told
    assert "Sending" in told
    assert f"{tukar.url}/{name}" in told


def _on_a_terminal(tukar: Commands, *arguments: str) -> str:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "HF_ENDPOINT": tukar.url, "HF_TOKEN": tukar.token or "", "TERM": "xterm"}
    process = subprocess.Popen([TUKAR, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    pieces = []
    try:
        while piece := os.read(ours, 4096):
            pieces.append(piece)
    except OSError:  # Linux's way to say that the other side has gone
        pass
    os.close(ours)
    assert process.wait() == 0
    return b"".join(pieces).decode()
