"""``tukar pull``: fetch a repository, verified, and never leave half of it looking whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, Final

import click

from tukar.cli import folder as folders
from tukar.cli import options, workers
from tukar.cli.fetching import Fetched, Plan, fetch, look_up
from tukar.cli.folder import Folder
from tukar.cli.marker import Marker
from tukar.cli.output import Output, Table, counted, size_text
from tukar.errors import Conflict
from tukar.exchange import tree
from tukar.exchange.endpoint import Endpoint
from tukar.exchange.http import Remote
from tukar.exchange.tree import RemoteFile
from tukar.types import RepoId, RepoType

_THREADS: Final = 4
_SHOWN: Final = 5


@click.command()
@click.argument("repository")
@click.option("--revision", default="main", show_default=True, help="A branch or a commit id.")
@click.option(
    "--to", type=click.Path(path_type=Path), metavar="DIR", help="The folder; by default the name's last part."
)
@options.include_option
@options.exclude_option
@click.option(
    "--force", is_flag=True, help="Replace files in the folder that Tukar did not write, or that were changed."
)
@options.type_option
@options.json_option
def pull(
    repository: str,
    revision: str,
    to: Path | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    force: bool,
    kind: RepoType,
    output: Output,
) -> None:
    """Fetch a repository into a folder, and verify every byte.

    What was interrupted goes on where it stopped. Files get their place only after all of them are verified; the folder
    is a whole snapshot once it has .tukar/snapshot.json. Pulling again brings the folder to the newest revision.

    \b
    Examples:
      tukar pull acme/tiny
      tukar pull acme/tiny --to models/tiny --include '*.safetensors' --include '*.json'
      tukar pull acme/tiny --revision 4f1c9e0b2d7a
    """
    repo, endpoint = options.repo_id(repository, kind), Endpoint.from_environment()
    with Remote(endpoint) as remote:
        found = look_up(remote, repo, tree.resolve(remote, repo, revision))
    picked = set(options.chosen([file.path for file in found.files], include, exclude))
    target = to or Path(repo.name)
    with folders.opened(target) as folder:
        plan = _plan(folder, repo, found.files, picked, force, output)
        missing = folder.missing(plan.missing)
        fetched = fetch(endpoint, found, folder, plan, missing, output)
        snapshot = Marker(endpoint.url, repo, revision, found.commit, tuple(plan.wanted))
        folder.place(snapshot, missing, plan.going)
    _show(output, snapshot, target, plan, fetched)


def _plan(
    folder: Folder, repo: RepoId, listed: Sequence[RemoteFile], picked: set[str], force: bool, output: Output
) -> Plan:
    if folder.holds and folder.holds.repo != repo and not force:
        raise Conflict(
            f"{folder.root} holds a snapshot of {folder.holds.repo}", hint="pull into another folder, or use --force"
        )
    # What the folder has already comes along, so that all of it is of one commit.
    wanted = [file for file in listed if file.path in picked or file.path in folder.known]
    tree.check_together([file.path for file in wanted], case_sensitive=folder.is_case_sensitive)
    gone = sorted(folder.known.keys() - {file.path for file in listed})
    going = [path for path in gone if folder.wrote(path)]
    folder.check_ways([file.path for file in wanted], set(going))
    missing = _missing(folder, wanted, output)
    foreign = [file.path for file in missing if folder.is_taken(file.path) and not folder.wrote(file.path)]
    if foreign and not force:
        raise Conflict(
            f"{folder.root} has files that Tukar did not write, or that were changed: {_some(foreign)}",
            hint="move them away, pull into another folder, or replace them with --force",
        )
    changed = [path for path in gone if path not in going and folder.is_taken(path)]
    return Plan(wanted, missing, going, changed, foreign)


def _missing(folder: Folder, wanted: Sequence[RemoteFile], output: Output) -> list[RemoteFile]:
    """Those of the files that are not here with the very bytes."""
    likely = [file for file in wanted if folder.size(file.path) == file.size]
    here: set[str] = set()
    with output.progress("Comparing", sum(file.size for file in likely)) as advance:

        def compare(file: RemoteFile) -> None:
            if folder.has(file):
                here.add(file.path)
            advance(file.size)

        @contextmanager
        def worker(_: Event) -> Iterator[Callable[[RemoteFile], None]]:
            yield compare

        workers.each(likely, _THREADS, worker)
    return [file for file in wanted if file.path not in here]


def _some(paths: Sequence[str]) -> str:
    more = f", and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(map(repr, paths[:_SHOWN])) + more


def _show(output: Output, snapshot: Marker, target: Path, plan: Plan, fetched: Fetched) -> None:
    came = {file.path for file in plan.missing}
    value: dict[str, Any] = {
        "repository": str(snapshot.repo),
        "type": snapshot.repo.type,
        "revision": snapshot.revision,
        "commit": snapshot.commit,
        "folder": str(target.absolute()),
        "via": fetched.via,
        "fetched_bytes": fetched.nbytes,
        "avoided_bytes": fetched.avoided,
        "files": [
            {
                "path": file.path,
                "size": file.size,
                "checksum": str(file.checksum),
                "state": "fetched" if file.path in came else "present",
            }
            for file in plan.wanted
        ],
        "removed": list(plan.going),
        "replaced": list(plan.foreign),
    }
    rows = [(item["path"], size_text(item["size"]), item["state"]) for item in value["files"]]
    for path in plan.changed:
        output.note(f"{path} is no longer in the repository; it was changed here, and so it stays")
    if plan.going:
        output.note(f"removed {counted(len(plan.going), 'file')} that the revision does not have: {_some(plan.going)}")
    if plan.foreign:
        told = f"replaced {counted(len(plan.foreign), 'file')} that Tukar did not write, or that changed here"
        output.note(f"{told}: {_some(plan.foreign)}")
    summary = f"{snapshot.repo} at {snapshot.commit[:12]} is in {target}: {counted(len(rows), 'file')}, all verified"
    told = f"fetched {size_text(fetched.nbytes)}, avoided {size_text(fetched.avoided)}"
    output.show(value, Table(("file", ">size", "state"), rows), told, summary)
