"""``tukar repack``: encode anew what came plain, as differences to its relatives."""

from __future__ import annotations

from pathlib import Path

import click

from tukar.cli import options
from tukar.cli.administration import Value, administration
from tukar.cli.output import Output, counted, size_text


@click.command()
@click.option("--wait", is_flag=True, help="Encode now, and wait until nothing is left. Ctrl-C keeps what is done.")
@click.option("--pause", "verb", flag_value="pause", help="Stop encoding anew, until --resume.")
@click.option("--resume", "verb", flag_value="resume", help="Go on with it.")
@options.data_option
@options.json_option
def repack(wait: bool, verb: str | None, data: Path | None, output: Output) -> None:
    """Encode anew what was published plain, as differences to its relatives. For administrators.

    The hub does this by itself, in the background; this shows how far it is, or waits for it. Downloads go on
    meanwhile. What was superseded is freed by `tukar gc` once its grace period is over.

    \b
    Examples:
      tukar repack
      tukar repack --wait
      tukar repack --pause
    """
    if wait and verb == "pause":
        raise click.UsageError("--wait and --pause exclude each other")
    with administration(data) as hub:
        if verb is not None:
            hub.pause_repack(paused=verb == "pause")
        if wait:
            with output.meter("Repack") as meter:
                found = hub.repack(meter)
            output.show(found, *_done(found), _standing(found))
        else:
            found = hub.repack_standing()
            output.show(found, _standing(found))


def _done(found: Value) -> list[str]:
    files, tensors = counted(found["files"], "file"), counted(found["tensors"], "tensor")
    if not found["tensors"]:
        return [f"looked at {files}: nothing was worth encoding anew"]
    return [
        f"encoded {tensors} of {files} anew: {size_text(found['before'])} became {size_text(found['after'])}",
        "what was superseded is freed by `tukar gc` once its grace period is over",
    ]


def _standing(found: Value) -> str:
    left = f"{counted(found['pending_files'], 'file')} ({size_text(found['pending_bytes'])})"
    if found["paused"]:
        return f"paused; waiting: {left}. To go on: tukar repack --resume"
    return f"waiting: {left}" if found["pending_files"] else "nothing is left to encode anew"
