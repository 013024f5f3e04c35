"""The command line: one file a command, each a thin face of a use case or of a hub's routes."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from tukar import __version__
from tukar.cli.failures import Commands

_COMMANDS: Final = {
    "serve": "Run a hub until Ctrl-C or SIGTERM.",
    "push": "Publish a file or a folder in a commit.",
    "pull": "Fetch a repository into a folder, and verify every byte.",
    "import": "Bring a repository from another hub, Hugging Face's or a compatible one.",
    "ls": "List the repositories that you may read, the last changed first.",
    "show": "Show what a repository holds: files and what storing them takes.",
    "trace": "Test by their weights whether one model descends from another.",
    "sketch": "Write the little of a model that others can be traced by without its weights.",
    "check": "Read everything that is stored and compare it with its digests.",
    "gc": "Free what no repository needs.",
    "repack": "Encode anew what was published plain.",
    "stats": "Show how much the hub holds, and what it takes to store it.",
    "user": "Add, list and remove users.",
    "token": "Make, list and revoke tokens.",
    "peer": "Add, list, revoke and remove other hubs.",
    "identity": "Show the hub's fingerprint, or give it a new key.",
    "swap": "Swap models with other hubs: both get what they were to get, or neither does.",
    "request": "Ask for a model, and see who asks for what.",
    "receipt": "Look at receipts of swaps, and verify them.",
}
"""Every command, what most people need first, with its line in ``tukar --help``. A module is loaded once it is used."""


class _Main(Commands):
    """Loads no command but the one that is run: `tukar --help` and a mistyped name need none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order above."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, loaded."""
        if cmd_name not in _COMMANDS:
            return None
        name = "import_" if cmd_name == "import" else cmd_name
        command: click.Command = getattr(import_module(f"tukar.cli.{name}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `tukar --help`."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tukar", message="%(prog)s %(version)s")
def main() -> None:
    """Tukar: an open exchange for large open models.

    HF_ENDPOINT names the hub (http://127.0.0.1:8080 where it is not set) and HF_TOKEN the token, as for every Hugging
    Face client; the token that `hf auth login` stored is used as well.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 faults found (check), 130 interrupted.
    """
