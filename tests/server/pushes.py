"""Streams of objects as a client makes and reads them, and a push made of its single steps."""

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tukar import formats
from tukar.exchange import local
from tukar.objects import manifests, stream
from tukar.objects.blocks import decode_block
from tukar.objects.packs import BLOCK, CONTENT, MANIFEST, Record, object_hasher
from tukar.objects.sources import BytesSource
from tukar.objects.stream import Input
from tukar.types import Digest, Manifest, Part
from tukar.usecases import hand_over

from .site import Site

BLOCK_SIZE = 1 << 20


@dataclass
class Frame:
    record: Record
    raw: bytes


def frames(data: bytes) -> Iterator[Frame]:
    """What a stream holds, decoded."""
    source = Input([data])
    while (begun := stream.read_header(source)) is not None:
        record, start = begun
        assert start == 0
        blocks = [decode_block(record, block, source.exactly(block.stored_size)) for block in record.blocks()]
        yield Frame(record, b"".join(map(bytes, blocks)))


def whole(data: bytes) -> Manifest:
    """A file as Tukar cuts it."""
    cut = formats.cut(formats.open_file(BytesSource(data)), len(data))
    parts = [Part(Digest.of(data[p.start : p.stop]), p.stop - p.start) for p in cut]
    format_ = formats.open_file(BytesSource(data)).format
    return Manifest(hashlib.sha256(data).hexdigest(), len(data), format_, tuple(parts))


def raw_frame(raw: bytes, kind: int = CONTENT) -> tuple[Digest, bytes]:
    """An object, stored as it is: its name, and its frame."""
    digest = Digest(object_hasher(kind).update(raw).digest())
    blocks = [raw[at : at + BLOCK_SIZE] for at in range(0, len(raw), BLOCK_SIZE)]
    table = b"".join(BLOCK.pack(len(block), Digest.of(block), Digest.of(block)) for block in blocks)
    return digest, stream.header(Record(digest, kind, len(raw), 0, BLOCK_SIZE, 0, len(raw), b"", table)) + raw


class Push:
    """One file on its way into a repository of its owner."""

    def __init__(
        self, site: Site, repository: str, data: bytes, manifest: Manifest | None = None, who: str | None = None
    ) -> None:
        self.site, self.repository, self.who = site, repository, who or repository.partition("/")[0]
        self.sha256, self.size = hashlib.sha256(data).hexdigest(), len(data)
        made, at = manifest or whole(data), 0
        objects = [raw_frame(manifests.encode(made), MANIFEST)]
        for part in made.parts:
            objects.append(raw_frame(data[at : at + part.length]))
            at += part.length
        self.objects = {str(digest): frame for digest, frame in objects}
        self.digests = list(self.objects)
        self.name = hashlib.sha256(self.digests[0].encode()).hexdigest()
        self.address = f"/api/models/{repository}/objects/uploads/{self.name}"

    @property
    def manifest(self) -> str:
        return self.digests[0]

    def stream(self, *digests: str) -> bytes:
        return b"".join(self.objects[digest] for digest in digests)

    def ask(self, digests: Iterable[str] | None = None) -> httpx.Response:
        asked = {"objects": list(self.digests if digests is None else digests)}
        return self.site.post(f"{self.address}/missing", self.who, json=asked)

    def missing(self) -> list[str]:
        return list(self.ask().raise_for_status().json()["objects"])

    def post(self, content: Any) -> httpx.Response:
        return self.site.post(f"{self.address}/write", self.who, content=content)

    def write(self, *digests: str) -> httpx.Response:
        return self.post(self.stream(*digests))

    def write_torn(self) -> None:
        """Sends most of the last object, and is gone once a megabyte of it has arrived."""
        body = self.stream(self.digests[-1])[:-1000]

        def torn() -> Iterator[bytes]:
            yield body
            wait_for(lambda: self.arrived() > 1 << 20)
            raise httpx.WriteError("gone")

        with suppress(httpx.WriteError):
            self.post(torn())
        wait_for(lambda: not self.is_busy())

    def resume(self, told: dict[str, Any]) -> None:
        """Sends what is missing, the first object from the byte where it stopped."""
        first, *others = told["objects"]
        begun = stream.read_header(Input([self.objects[first]]))
        assert begun is not None
        assert str(stream.name(begun[0])) == told["start"]["record"]
        stored = told["start"]["stored"]
        size = len(stream.header(begun[0]))
        body = stream.header(begun[0], stored) + self.objects[first][size + stored :]
        self.post(body + self.stream(*others)).raise_for_status()

    def make(self, **lies: Any) -> httpx.Response:
        file = {"sha256": self.sha256, "size": self.size, "manifest": self.manifest} | lies
        return self.site.post(f"{self.address}/files", self.who, json={"files": [file]})

    def end(self) -> httpx.Response:
        return self.site.call("DELETE", self.address, self.who)

    # What the hub has of it

    @property
    def folder(self) -> Path:
        found = next(self.site.hub.services.arrivals.glob(f"push-*-{self.name}"), None)
        return found or self.site.hub.services.arrivals / self.name

    def is_busy(self) -> bool:
        """Whether something is just coming."""
        store = hand_over.store(self.site.hub.services)
        names = [path.name for path in store.arrivals.glob(f"push-*-{self.name}")]
        return any(local.is_arriving(store, name) for name in names)

    def arrived(self) -> int:
        """The bytes of objects that are not in a pack yet."""
        path = self.folder / "stream"
        return path.stat().st_size if path.exists() else 0


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def model() -> bytes:
    """A small safetensors file of which no part is like any other's."""
    size, name = 2000, secrets.token_hex(8)
    tensors = {
        f"{name}.{at}": {"dtype": "U8", "shape": [size], "data_offsets": [at * size, (at + 1) * size]}
        for at in range(3)
    }
    header = json.dumps(tensors).encode()
    return len(header).to_bytes(8, "little") + header + secrets.token_bytes(3 * size)
