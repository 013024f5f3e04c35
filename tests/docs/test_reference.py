"""The reference names every command, option, setting, error and public name there is, and none that there is not."""

from collections.abc import Iterator
from dataclasses import fields

import click

import tukar
from tukar import cli, errors
from tukar.config import Config

from .pages import rows, sections


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for word in command.list_commands(context):
        child = command.get_command(context, word)
        if child is not None and not child.hidden:
            yield from _commands(child, f"{name} {word}")


def _command_line() -> dict[str, click.Command]:
    return dict(_commands(cli.main, "tukar"))


def _names(command: click.Command) -> Iterator[str]:
    """How a reader would look for each parameter: its long option, or its argument's placeholder."""
    context = click.Context(command)
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            yield parameter.make_metavar(context).strip("[].")
        elif isinstance(parameter, click.Option) and not parameter.hidden:
            yield max(parameter.opts, key=len)


def test_every_command_has_a_section() -> None:
    assert {title for title in sections("command-line.md") if title.startswith("tukar ")} == set(_command_line())


def test_every_option_is_in_its_command_s_section() -> None:
    written = sections("command-line.md")
    missing = {
        f"{name}: {parameter}"
        for name, command in _command_line().items()
        for parameter in _names(command)
        if parameter not in written.get(name, "")
    }
    assert missing == set()


def test_every_setting_has_a_row_with_its_variable_and_default() -> None:
    expected = [[each.name, f"TUKAR_{each.name.upper()}", _shown(each.default)] for each in fields(Config)]
    assert [row[:3] for row in rows("settings.md")] == expected


def _shown(default: object) -> str:
    if isinstance(default, float) and default.is_integer():
        default = int(default)
    return str(default) or "empty"


def test_every_error_has_a_section() -> None:
    classes = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert set(sections("errors.md")) == classes


def test_every_public_name_has_a_section() -> None:
    public = [name for name in getattr(tukar, "__all__", ()) if not name.startswith("__")]
    assert set(sections("python-api.md")) >= set(public)
