"""How a command ends. The exit codes are documented in docs/reference/command-line.md."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

import click

from tukar.errors import TukarError

FAILED: Final = 1
FAULTS_FOUND: Final = 3
INTERRUPTED: Final = 130

_GO_ON: Final = frozenset({"push", "pull", "import"})  # commands that keep what they have done

JSON_KEY: Final = "tukar.json"
"""Where a click context notes that the one JSON document is wanted."""


class Failure(click.ClickException):
    """Something went wrong that can be foreseen: one line that says what, one that says what to do."""

    def __init__(self, message: str, hint: str | None, *, as_json: bool, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.hint, self._as_json = hint, as_json
        self.exit_code = exit_code  # type: ignore[misc] # click reads it from the instance

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it: for people on standard error, as a document on standard output where that was asked for."""
        click.echo(f"tukar: {printable(self.message)}", err=True)
        if self.hint:
            click.echo(f"hint: {printable(self.hint)}", err=True)
        if self._as_json:
            click.echo(json.dumps({"error": self.message, "hint": self.hint}))


class Commands(click.Group):
    """The group of all commands: it turns errors into one line and an exit code."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the group's options. Until a command has read its own, what is there says whether JSON is wanted."""
        ctx.meta[JSON_KEY] = "--json" in args
        with _misuse_told(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with _misuse_told(ctx):
                return super().invoke(ctx)
        except TukarError as error:
            raise _failure(ctx, error.message, error.hint) from error
        except KeyboardInterrupt:
            again = "run it again: it goes on where it stopped" if ctx.invoked_subcommand in _GO_ON else None
            raise _failure(ctx, "interrupted", again, INTERRUPTED) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever read our output has gone: click ends quietly
                raise
            raise _failure(ctx, _told(error), None) from error


@contextmanager
def _misuse_told(ctx: click.Context) -> Iterator[None]:
    """Wrong usage as a document where that is wanted; click tells people, and chooses the exit code."""
    try:
        yield
    except click.UsageError as error:
        if ctx.meta[JSON_KEY]:
            command = error.ctx.command_path if error.ctx else ctx.command_path
            click.echo(json.dumps({"error": error.format_message(), "hint": f"see `{command} --help`"}))
        raise


def _failure(ctx: click.Context, message: str, hint: str | None, exit_code: int = FAILED) -> Failure:
    return Failure(message, hint, as_json=bool(ctx.meta.get(JSON_KEY)), exit_code=exit_code)


def _told(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


def printable(text: str) -> str:
    """Text that came from elsewhere, without what could command a terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
