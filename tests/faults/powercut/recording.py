"""Runs a program under the recorder and makes a trace of what it did."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from .log import events
from .replay import Content
from .simulator import Trace

HERE = Path(__file__).parent
_FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden")


class RecordingError(Exception):
    """The program failed, or did something that the recorder cannot follow."""


def can_record() -> bool:
    """Whether this machine has what it takes: Linux and a C compiler."""
    return os.uname().sysname == "Linux" and shutil.which("gcc") is not None


def record(argv: Sequence[str | Path], root: Path, env: Mapping[str, str] | None = None, timeout: float = 60) -> Trace:
    """Run a program to its end and record what it, and every process that it starts, does below ``root``.

    Args:
        argv: the program and its arguments.
        root: the folder to watch; it exists, and what it holds now counts as durable.
        env: environment variables on top of our own. The program can import ``faults.powercut``.
        timeout: seconds until the program is killed.

    Raises:
        RecordingError: the program ended with a status other than 0 or took too long, or the recording does not lead
            to what the folder holds now, so that something was done behind its back.
    """
    root = root.resolve()
    initial = contents(root)
    with tempfile.TemporaryDirectory(prefix="powercut-") as folder:
        log = Path(folder) / "log"
        log.touch()
        output = _run(argv, {**os.environ, **(env or {})}, root, log, timeout)
        trace = Trace(initial, events(log.read_bytes()), output)
    if trace.void:
        raise RecordingError(f"the recording is void: {'; '.join(trace.void)}")
    _check_end(trace, root)
    return trace


def contents(root: Path) -> dict[str, Content]:
    """All that lies below ``root``, by path."""
    found: dict[str, Content] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = str(path.readlink())
        else:
            found[name] = None if path.is_dir() else path.read_bytes()
    return found


def _run(argv: Sequence[str | Path], env: dict[str, str], root: Path, log: Path, timeout: float) -> str:
    env["LD_PRELOAD"] = " ".join(filter(None, (str(_recorder()), env.get("LD_PRELOAD"))))
    env["PYTHONPATH"] = ":".join(filter(None, (str(HERE.parent.parent), env.get("PYTHONPATH"))))
    env["POWERCUT_ROOT"], env["POWERCUT_LOG"] = str(root), str(log)
    try:
        done = subprocess.run(
            argv, env=env, timeout=timeout, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RecordingError(f"the program did not end within {timeout} seconds") from error
    if done.returncode != 0:
        raise RecordingError(f"the program ended with status {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


@cache
def _recorder() -> Path:
    """The recorder, compiled once for each process that asks for it."""
    folder = tempfile.TemporaryDirectory(prefix="powercut-")
    _kept.append(folder)
    library = Path(folder.name) / "recorder.so"
    subprocess.run(["gcc", *_FLAGS, "-o", library, HERE / "recorder.c"], check=True)
    return library


_kept: list[tempfile.TemporaryDirectory[str]] = []  # removed when the process ends


def _check_end(trace: Trace, root: Path) -> None:
    """SQLite's -shm files are mapped, so their content goes unseen; every other difference is an error."""
    recorded, real = trace.newest(), contents(root)
    different = [
        path
        for path in sorted(recorded.keys() | real.keys())
        if path not in recorded or path not in real or (recorded[path] != real[path] and not path.endswith("-shm"))
    ]
    if different:
        raise RecordingError(f"changed behind the recorder's back: {', '.join(different[:10])}")
