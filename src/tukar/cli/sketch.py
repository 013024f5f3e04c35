"""``tukar sketch``: the little of a model that others can be held against without its weights."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from tukar.cli import options, whole
from tukar.cli.output import Output, size_text
from tukar.cli.weighing import models, named, weights
from tukar.lineage.modelsketch import sketched
from tukar.lineage.words import no_numbers


@click.command()
@click.argument("model")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, writable=True))
@options.data_option
@options.json_option
def sketch(model: str, file: Path, data: Path | None, output: Output) -> None:
    """Write the sketch of MODEL to FILE, for `tukar trace` to hold others against it without its weights.

    MODEL is a file or folder with weights (safetensors or GGUF), or a model of the hub: NAMESPACE/NAME, with @REVISION
    and #FILE where that is needed. A sketch has the first neurons of each layer and the first axes, by which relatives
    are told in seconds; of a model of 7B it has 10 MB. Which one came first and what was done takes the weights, and so
    does a model that was disguised: by sketches it has no relatives.

    \b
    Examples:
      tukar sketch ./base base.sketch
      tukar sketch acme/base base.sketch
      tukar trace base.sketch ./suspect
      tukar trace base.sketch suspect.sketch --json
    """
    whole.check(file)  # before much is read
    one = named(model)
    with ExitStack() as until:
        hub = None if isinstance(one, Path) else until.enter_context(models(data))
        with output.meter("Sketch: read") as meter, weights(one, hub, meter.advance) as found:
            made, spoilt = sketched(found), found.no_numbers
    if spoilt:
        output.note(no_numbers(model, spoilt))
    whole.write(file, made)
    output.show({"model": model, "file": str(file), "size": len(made)}, f"{file}: {size_text(len(made))}")
