"""``tukar repack``: encode anew what came plain, as differences to its relatives."""

from __future__ import annotations

from pathlib import Path

import click

from tukar.cli import options
from tukar.cli.administration import Administration, Value, administration
from tukar.cli.output import Output, counted, size_text
from tukar.errors import Conflict


@click.command()
@click.option("--wait", is_flag=True, help="Encode now, and wait until nothing is left. Ctrl-C ends the waiting.")
@click.option("--pause", "verb", flag_value="pause", help="Stop encoding anew, until --resume.")
@click.option("--resume", "verb", flag_value="resume", help="Go on with it.")
@options.data_option
@options.json_option
def repack(wait: bool, verb: str | None, data: Path | None, output: Output) -> None:
    """Encode anew what was published plain, as differences to its relatives. For administrators.

    The hub does this by itself, in the background; this shows how far it is, or waits for it. Pushes and downloads go
    on meanwhile, and every file stays what it is, byte for byte: whatever was encoded is decoded again and compared
    before it takes the place of what was there. What was superseded is freed by `tukar gc` once its grace period is
    over. What a repository takes: `tukar stats REPOSITORY`.

    \b
    Examples:
      tukar repack
      tukar repack --wait
      tukar repack --pause
      tukar repack --resume --wait
      tukar repack --wait --data ./my-hub
    """
    if wait and verb == "pause":
        raise click.UsageError("--wait and --pause exclude each other")
    with administration(data) as hub:
        if verb is not None:
            hub.pause_repack(paused=verb == "pause")
        if wait:
            found = _wait(hub, output, goes_on=data is None)
            output.show(found, *_done(found), _standing(found))
        else:
            found = hub.repack_standing()
            output.show(found, _standing(found))


def _wait(hub: Administration, output: Output, *, goes_on: bool) -> Value:
    if hub.repack_standing()["paused"]:
        raise Conflict("encoding anew is paused", hint="`tukar repack --resume --wait` goes on with it")
    try:
        with output.meter("Repack") as meter:
            return hub.repack(meter)
    except KeyboardInterrupt:
        if goes_on:
            output.note("the hub goes on with it by itself; to stop it: tukar repack --pause")
        else:
            output.note("what was encoded is kept, but for the last pack; the rest stays as it is")
        raise


def _done(found: Value) -> list[str]:
    files, tensors = counted(found["files"], "file"), counted(found["tensors"], "tensor")
    if not found["files"] and not found["tensors"]:
        return []
    if not found["tensors"]:
        return [f"looked at {files}: nothing was worth encoding anew"]
    before, after = found["before"], found["after"]
    saved = f"{100 * (before - after) / before:.1f} %" if before else "nothing"
    return [
        f"encoded {tensors} anew, of {files}: {size_text(before)} became {size_text(after)} ({saved} saved)",
        "what was superseded is freed by `tukar gc` once its grace period is over",
    ]


def _run(found: Value) -> str:
    done, total = found["done_bytes"], found["total_bytes"]
    return f"{size_text(done)} of {size_text(total)} in this run" if total else ""


def _standing(found: Value) -> str:
    if not found["pending_files"]:
        left = "nothing is left to encode anew"
        return f"paused; {left}. To go on: tukar repack --resume" if found["paused"] else left
    left = f"{counted(found['pending_files'], 'file')} ({size_text(found['pending_bytes'])})"
    if found["paused"]:
        return f"paused; waiting: {left}. To go on: tukar repack --resume"
    if found["error"]:
        return f"waiting: {left}; it failed the last time: {found['error']}"
    if found["running"]:
        return " · ".join(filter(None, (f"encoding now; left: {left}", _run(found), found["note"])))
    return f"waiting: {left}. To begin now: tukar repack --wait"
