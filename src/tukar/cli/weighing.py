"""The models that a trace looks at: files here, or repositories of a hub that runs or is down."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, Self

from tukar.cli import options
from tukar.cli.administration import Administration, administration
from tukar.cli.output import Advance
from tukar.errors import Invalid, NotFound
from tukar.exchange import tree
from tukar.exchange.endpoint import Endpoint
from tukar.exchange.http import Remote, quoted, web_path
from tukar.exchange.ranges import RemoteFileSource
from tukar.lineage.choose import weight_files
from tukar.lineage.weights import Weights
from tukar.objects.sources import FileSource
from tukar.types import ByteSource, RepoId

if TYPE_CHECKING:
    from tukar.cli.on_folder import OnFolder

_NAME: Final = re.compile(r"(?P<repo>[^@#]+)(?:@(?P<revision>[^#]+))?(?:#(?P<file>.+))?")


@dataclass(frozen=True, slots=True)
class Named:
    """A model of a hub: ``NAMESPACE/NAME``, then perhaps ``@REVISION`` and ``#FILE``."""

    repo: RepoId
    revision: str = "main"
    file: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Invalid if it is no name of a model."""
        found = _NAME.fullmatch(text)
        if found is None:
            raise Invalid(f"neither a file or folder here, nor a model of a hub: {text[:200]!r}")
        repo = options.repo_id(found["repo"], "model")
        return cls(repo, found["revision"] or "main", found["file"])

    def __str__(self) -> str:
        revision = "" if self.revision == "main" else f"@{self.revision}"
        return f"{self.repo}{revision}{'' if self.file is None else f'#{self.file}'}"

    def chosen(self, sizes: Mapping[str, int]) -> list[str]:
        """Its weight files, of all that there are. NotFound if there are none, or not the one that was named."""
        if self.file is None:
            return weight_files(sizes, str(self))
        if self.file not in sizes:
            raise NotFound(f"{self.repo} has no file {self.file!r}")
        return [self.file]


def named(text: str) -> Named | Path:
    """A file or folder, if there is one of that name here; else a model of a hub. NotFound, Invalid."""
    path = Path(text)
    if text and path.exists():
        return path
    if text.startswith((".", "/", "~")) or "/" not in text:
        raise NotFound(f"there is no file or folder {text[:200]!r}", hint="a model of a hub is NAMESPACE/NAME")
    return Named.parse(text)


class Models(Protocol):
    """A hub's models, as far as the asker may read them."""

    def ids(self) -> list[str]:
        """All of them."""

    def sources(self, named: Named, until: ExitStack) -> Sequence[ByteSource]:
        """One's weight files, open until the stack is closed."""


@dataclass(frozen=True, slots=True)
class OverHttp:
    """Of the hub at the other end."""

    endpoint: Endpoint
    hub: Administration

    def ids(self) -> list[str]:
        """As Models."""
        return [found["id"] for found in self.hub.repositories("model", None)]

    def sources(self, named: Named, until: ExitStack) -> Sequence[ByteSource]:
        """As Models."""
        with Remote(self.endpoint) as remote:
            commit = tree.resolve(remote, named.repo, named.revision)
            sizes = {file.path: file.size for file in tree.files(remote, named.repo, commit)}
        found = []
        for path in named.chosen(sizes):
            address = f"{web_path(named.repo)}/resolve/{commit}/{'/'.join(map(quoted, path.split('/')))}"
            source = RemoteFileSource(self.endpoint, address, sizes[path], f"{named.repo}: {path}")
            until.callback(source.close)
            found.append(source)
        return found


@dataclass(frozen=True, slots=True)
class OnFolderModels:
    """Of a hub that is open here."""

    hub: OnFolder

    def ids(self) -> list[str]:
        """As Models."""
        return [found["id"] for found in self.hub.repositories("model", None)]

    def sources(self, named: Named, until: ExitStack) -> Sequence[ByteSource]:
        """As Models."""
        from tukar.usecases import fetch  # the database, which files here do not need

        services, identity = self.hub.hub.services, self.hub.identity
        entries = {entry.path: entry for entry in fetch.files(services, identity, named.repo, named.revision)}
        chosen = named.chosen({path: entry.size for path, entry in entries.items()})
        return [fetch.open_entry(services, entries[path]) for path in chosen]


@contextmanager
def models(data: Path | None) -> Iterator[Models]:
    """Of the hub at HF_ENDPOINT, or of the data folder of one that is down."""
    with administration(data) as hub:
        if data is None:
            yield OverHttp(Endpoint.from_environment(), hub)
        else:
            from tukar.cli.on_folder import OnFolder

            if not isinstance(hub, OnFolder):
                raise TypeError("not a data folder")
            yield OnFolderModels(hub)


def local(path: Path, until: ExitStack) -> Sequence[ByteSource]:
    """The weight files of a file or folder here. NotFound if there are none."""
    if path.is_file():
        return [until.enter_context(FileSource(path))]
    sizes = {
        str(file.relative_to(path)): file.stat().st_size
        for file in path.rglob("*")
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts)
    }
    return [until.enter_context(FileSource(path / name)) for name in weight_files(sizes, str(path))]


@dataclass(frozen=True, slots=True)
class _Watched:
    """A ``ByteSource`` that tells how much is read of it."""

    source: ByteSource
    on_read: Advance

    @property
    def size(self) -> int:
        return self.source.size

    def read(self, start: int, stop: int) -> bytes:
        self.on_read(stop - start)
        return self.source.read(start, stop)


@contextmanager
def weights(named: Named | Path, hub: Models | None, on_read: Advance) -> Iterator[Weights]:
    """A model's weights, while it is open. A hub is needed only for what it has.

    Args:
        on_read: called with the number of bytes, whenever some are read.
    """
    with ExitStack() as until:
        if isinstance(named, Path):
            sources = local(named, until)
        elif hub is not None:
            sources = hub.sources(named, until)
        else:
            raise TypeError("a model of a hub needs one")
        yield Weights((_Watched(source, on_read) for source in sources), str(named))
