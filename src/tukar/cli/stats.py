"""``tukar stats``: what the hub, or a repository, holds, and what it takes to store it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource

from tukar.cli import options
from tukar.cli.administration import Value, administration
from tukar.cli.output import Output, Table, counted, size_text
from tukar.types import RepoType

_GIVEN: Final = ParameterSource.COMMANDLINE
_DIFFERENCE: Final = "delta"  # docs/format/codecs.md


@click.command()
@click.argument("repository", required=False)
@click.option("--revision", default="main", show_default=True, help="A branch or a commit id of REPOSITORY.")
@options.type_option
@options.data_option
@options.json_option
@click.pass_context
def stats(
    ctx: click.Context, repository: str | None, revision: str, kind: RepoType, data: Path | None, output: Output
) -> None:
    """Show how much the hub holds, and what it takes to store it; of a REPOSITORY, file by file.

    For administrators; a REPOSITORY for whoever may read it. "alone" is what a file adds to what is stored of others.

    \b
    Examples:
      tukar stats
      tukar stats acme/child
      tukar stats acme/child --json
    """
    if repository is None and any(ctx.get_parameter_source(name) is _GIVEN for name in ("revision", "kind")):
        raise click.UsageError("--revision and --type are of a REPOSITORY: name it")
    with administration(data) as hub:
        found = hub.stats() if repository is None else hub.encodings(options.repo_id(repository, kind), revision)
    output.show(found, *(_whole(found) if repository is None else _one(found)))


def _whole(found: Value) -> list[Table]:
    raw, needed, taken = (found[name] for name in ("raw_bytes", "stored_bytes", "disk_bytes"))
    rows = [
        ("files", str(found["files"]), ""),
        ("their size, as they were pushed", size_text(raw), ""),
        ("distinct objects (tensors and the like)", str(found["objects"]), ""),
        ("their size, as they are stored", size_text(found["object_bytes"]), _share(found["object_bytes"], raw)),
        ("needed of the storage", size_text(needed), _share(needed, raw)),
        ("saved", size_text(max(raw - needed, 0)), _share(max(raw - needed, 0), raw)),
        ("taken from the storage now", size_text(taken), _share(taken, raw)),
        ("of this not needed", size_text(max(taken - needed, 0)), ""),
    ]
    return [Table(("", ">", ">"), rows)]


def _one(found: Value) -> list[str | Table]:
    rows = [_row(file["path"], file) for file in found["files"]]
    if len(rows) > 1:
        rows.append(_row(counted(len(rows), "file"), found))
    # Each object once, however many files and names it has.
    tensors = list({tensor["object"]: tensor for file in found["files"] for tensor in file["tensors"]}.values())
    told: list[str | Table] = [Table(("file", ">size", ">alone", ">of it", ">shared"), rows)]
    if tensors:
        told += ["", Table(("tensors", ">", ">size", ">stored", ">of it"), _encodings(tensors))]
    parents = Counter(_parent(tensor) for tensor in tensors if tensor["encoding"] == _DIFFERENCE)
    told += [f"{counted(count, 'tensor')} stored as differences to {name}" for name, count in parents.most_common()]
    return told


def _parent(tensor: Value) -> str:
    return str(tensor["parent"]["repository"]) if tensor["parent"] else "what is deleted, or you may not read"


def _row(name: str, cost: Value) -> tuple[str, ...]:
    sizes = (size_text(cost["raw_bytes"]), size_text(cost["stored_bytes"]))
    return (name, *sizes, _share(cost["stored_bytes"], cost["raw_bytes"]), size_text(cost["shared_bytes"]))


def _encodings(tensors: list[Value]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for encoding in sorted({tensor["encoding"] for tensor in tensors}):
        some = [tensor for tensor in tensors if tensor["encoding"] == encoding]
        raw, stored = (sum(tensor[name] for tensor in some) for name in ("raw_bytes", "stored_bytes"))
        rows.append((encoding, str(len(some)), size_text(raw), size_text(stored), _share(stored, raw)))
    return rows


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""
