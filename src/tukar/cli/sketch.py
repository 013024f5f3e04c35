"""``tukar sketch``: the little of a model that others can be held against without its weights."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from tukar.cli import options
from tukar.cli.output import Output, size_text
from tukar.cli.weighing import models, named, weights
from tukar.errors import Conflict
from tukar.lineage.modelsketch import sketched


@click.command()
@click.argument("model")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, writable=True))
@options.data_option
@options.json_option
def sketch(model: str, file: Path, data: Path | None, output: Output) -> None:
    """Write the sketch of MODEL to FILE, for `tukar trace` to hold others against it without its weights.

    MODEL is a file or folder with weights (safetensors or GGUF), or a model of the hub: NAMESPACE/NAME, with @REVISION
    and #FILE where that is needed. The sketch of a model of 7B has 10 MB: the first neurons of each layer and the
    first axes, by which relatives are told in seconds. Which one came first, what was done, and whether a model was
    disguised takes the weights.

    \b
    Examples:
      tukar sketch ./base base.sketch
      tukar sketch acme/base base.sketch
      tukar trace base.sketch ./suspect
      tukar trace base.sketch suspect.sketch --json
    """
    if file.exists():  # before much is read
        raise _taken(file)
    one = named(model)
    with ExitStack() as until:
        hub = None if isinstance(one, Path) else until.enter_context(models(data))
        with output.meter("Sketch: read") as meter, weights(one, hub, meter.advance) as found:
            made = sketched(found)
    _write(file, made)
    output.show({"model": model, "file": str(file), "size": len(made)}, f"{file}: {size_text(len(made))}")


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    try:
        with path.open("xb") as file:
            try:
                file.write(data)
            except BaseException:
                path.unlink()
                raise
    except FileExistsError:
        raise _taken(path) from None


def _taken(path: Path) -> Conflict:
    return Conflict(f"{path} is there already", hint="delete it, or name another file")
