"""A Xet CAS in memory, made of nothing but ``tukar.xet``: what a real client can upload to and download from.

Run as a program, it captures what the client sends for the files of ``content`` (see data/README.md).
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tukar.errors import Invalid
from tukar.xet import ShardFile, XetHash, XorbTable, plan, read_shard, read_xorb, verify_file


@dataclass
class Cas:
    """What was uploaded, as it came and as it was understood; ``versions`` of the reconstruction API are answered."""

    versions: tuple[int, ...] = (1, 2)
    url: str = ""
    bodies: dict[str, bytes] = field(default_factory=dict)
    shards: list[bytes] = field(default_factory=list)
    tables: dict[XetHash, XorbTable] = field(default_factory=dict)
    raw: dict[XetHash, bytes] = field(default_factory=dict)
    files: dict[XetHash, ShardFile] = field(default_factory=dict)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/xorbs/default/{hash}", self.post_xorb, methods=["POST"]),
                Route("/v1/shards", self.post_shard, methods=["POST"]),
                Route("/v{version:int}/reconstructions/{hash}", self.get_reconstruction),
                Route("/xorbs/{hash}/{start:int}-{end:int}", self.get_chunks),
                Route("/v1/telemetry", lambda _: JSONResponse({}), methods=["POST"]),
            ],
            exception_handlers={Invalid: lambda _, error: JSONResponse({"error": str(error)}, 416)},
        )

    async def post_xorb(self, request: Request) -> Response:
        claimed, body, raw = XetHash.parse(request.path_params["hash"]), await request.body(), bytearray()
        self.tables[claimed] = read_xorb(BytesIO(body), claimed, raw.extend)
        self.raw[claimed], self.bodies[str(claimed)] = bytes(raw), body
        return JSONResponse({"was_inserted": True})

    async def post_shard(self, request: Request) -> Response:
        body = await request.body()
        for file in read_shard(BytesIO(body)).files:
            verify_file(file, self.tables)
            self.files[file.hash] = file
        self.shards.append(body)
        return JSONResponse({"result": 1})

    async def get_reconstruction(self, request: Request) -> Response:
        version = request.path_params["version"]
        file = self.files.get(XetHash.parse(request.path_params["hash"]))
        if file is None or version not in self.versions:
            return Response(status_code=404)
        start, stop = _range(request, file.size)
        plan_ = plan(file.terms, self.tables, start, stop)
        return JSONResponse((plan_.v1 if version == 1 else plan_.v2)(self._url))

    async def get_chunks(self, request: Request) -> Response:
        xorb, run = XetHash.parse(request.path_params["hash"]), request.path_params
        table = self.tables[xorb]
        start, stop = _range(request, table.size)
        if (start, stop) != (table.offset(run["start"]), table.offset(run["end"])):
            return Response(status_code=403)
        data = b"".join(p.head + self.raw[xorb][p.start : p.stop] for p in table.pieces(start, stop))
        return Response(data, 206, {"Content-Range": f"bytes {start}-{stop - 1}/{table.size}"})

    def _url(self, xorb: XetHash, start: int, end: int) -> str:
        return f"{self.url}/xorbs/{xorb}/{start}-{end}"


def _range(request: Request, size: int) -> tuple[int, int]:
    header = request.headers.get("range", f"bytes=0-{size - 1}")
    start, _, end = header.removeprefix("bytes=").partition("-")
    return int(start), min(int(end or size) + 1, size)


@contextlib.contextmanager
def serve(cas: Cas) -> Iterator[str]:
    """Serves on a free port of this machine; the URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    cas.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(cas.app(), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        yield cas.url
    finally:
        server.should_exit = True
        thread.join()
