"""The command line: one file a command, each a thin face of a use case."""

from __future__ import annotations

import click

from tukar.cli.serve import serve


@click.group()
def main() -> None:
    """Tukar: an open exchange for large open models."""


main.add_command(serve)
