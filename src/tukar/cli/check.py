"""``tukar check``: find what is damaged."""

from __future__ import annotations

from pathlib import Path

import click

from tukar.cli import options
from tukar.cli.administration import administration
from tukar.cli.failures import FAULTS_FOUND
from tukar.cli.output import Output, counted, size_text


@click.command()
@options.data_option
@options.json_option
@click.pass_context
def check(ctx: click.Context, data: Path | None, output: Output) -> None:
    """Read everything that is stored and compare it with its digests. For administrators.

    Prints each fault and the files that it touches, as REPOSITORY@COMMIT:PATH. Exits with 3 if there are any. Ctrl-C
    cancels the check in the hub, too.

    \b
    Examples:
      tukar check
      tukar check --data ./my-hub
    """
    with administration(data) as hub, output.meter("Check") as meter:
        found = hub.check(meter)
    lines = [
        line for fault in found["faults"] for line in (fault["message"], *(f"  touches {f}" for f in fault["files"]))
    ]
    if found["fault_count"] > len(found["faults"]):
        lines.append(f"and {found['fault_count'] - len(found['faults'])} more: see the hub's log")
    count = found["fault_count"]
    result = counted(count, "fault") if count else "no faults"
    output.show(found, *lines, f"{size_text(found['bytes'])} checked: {result}")
    if count:
        ctx.exit(FAULTS_FOUND)
