"""A peer that signs and serves whatever a test likes, and the hub that has to stand it."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from tukar.exchange import identity as identities
from tukar.exchange import peers
from tukar.exchange.authorisation import Call, signed
from tukar.exchange.offers import ACCEPTANCE, ENDING, OFFER, RECEIPT, Acceptance, Ending, Item, Offer, Reference
from tukar.exchange.offers import receipt_payload as receipt_payload
from tukar.exchange.swap_client import SWAPS_PATH
from tukar.objects.tables import objects
from tukar.signing import Envelope, SigningKey, sign
from tukar.testing.models import tiny_safetensors
from tukar.types import Digest, RepoId
from tukar.usecases import hand_over
from tukar.usecases.services import Services

from .site import Site, regular_file
from .site import site as new_site
from .victim import Victim, item_of

CARD = b"---\nlicense: apache-2.0\n---\n# A model\n"
BASE, CHILD, VAULT = (tiny_safetensors(seed) for seed in (21, 22, 23))
SECRET_NAME = "the-vault"

Serve = Callable[["Villain", str, dict[str, Any]], tuple[int, Iterable[bytes]]]


@dataclass
class Villain:
    """A trusted peer with a key, a store of real objects to lie about, and a server of its own.

    Attributes:
        heard: every answer that it ever got, its headers too.
        answers: what it says when it is told something.
        serve: what it serves when it is asked for objects: a status and pieces.
    """

    key: SigningKey
    victim: Victim
    store: Services
    url: str = ""
    heard: list[bytes] = field(default_factory=list)
    answers: list[Envelope] = field(default_factory=list)
    serve: Serve | None = None

    def item(self, name: str = "loot") -> Item:
        return replace(item_of(self.store, f"admin/{name}"), repository=RepoId("villain", name))

    def offer(self, *give: Item, take: Sequence[str] = (), **changes: Any) -> Offer:
        now = int(self.victim.site.clock())
        asked = tuple(Reference(RepoId("admin", name), "main") for name in take)
        made = Offer(
            self.key.public, self.victim.key, secrets.token_hex(16), now, now + 86_400, give or (self.item(),), asked
        )
        return replace(made, **changes)

    def offered(self, *give: Item, **changes: Any) -> Offer:
        """An offer that the victim has taken note of."""
        made = self.offer(*give, **changes)
        assert self.say(made.swap, self.sign(OFFER, made.payload())).status_code == 200
        return made

    def accept(self, swap_id: str, *take: Item) -> Envelope:
        return self.sign(ACCEPTANCE, Acceptance(swap_id, take or (self.item(),)).payload())

    def ending(self, swap_id: str, kind: Any = "cancelled") -> Envelope:
        return self.sign(ENDING, Ending(swap_id, kind).payload())

    def receipt(self, offer: Offer, *take: Item) -> Envelope:
        return self.sign(RECEIPT, receipt_payload(offer, Acceptance(offer.swap, take)))

    def sign(self, kind: str, payload: bytes) -> Envelope:
        return sign(kind, payload, self.key)

    def say(self, swap_id: str, *statements: Envelope) -> httpx.Response:
        return self.post(f"{SWAPS_PATH}/{swap_id}", body_of(*statements))

    def fetch(self, swap_id: str, digests: Sequence[str], start: object = None) -> httpx.Response:
        return self.post(f"{SWAPS_PATH}/{swap_id}/objects", {"objects": list(digests), "start": start})

    def post(self, path: str, body: object, /, headers: dict[str, str] | None = None, **changes: Any) -> httpx.Response:
        """A request, signed for it; ``changes`` are lies about it."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        shown = headers if headers is not None else {"Authorization": self.header(path, data, **changes)}
        answer = self.victim.site.http.post(path, content=data, headers=shown)
        self.heard.append(repr(answer.headers).encode() + answer.content)
        return answer

    def header(self, path: str, body: bytes, /, **changes: Any) -> str:
        return signed(self.call(path, body, **changes), self.key)

    def call(self, path: str, body: bytes, /, **changes: Any) -> Call:
        now = int(self.victim.site.clock())
        me, you = self.key.public.fingerprint, self.victim.key.fingerprint
        made = Call(me, you, "POST", path, hashlib.sha256(body).hexdigest(), now, secrets.token_hex(16))
        return replace(made, **changes)

    def stream(self, wanted: Sequence[str]) -> list[bytes]:
        """What an honest hub would serve."""
        source = hand_over.source(self.store, lambda _: sa.true())
        return [bytes(piece) for piece in source.give([Digest.parse(each) for each in wanted])]

    def any_object(self) -> str:
        with self.store.database.read() as tx:
            return Digest(tx.execute(sa.select(objects.c.digest).limit(1)).scalar_one()).hex()


def body_of(*statements: Envelope) -> dict[str, Any]:
    return {"statements": [envelope.value() for envelope in statements]}


def publish(site: Site, name: str, weights: bytes, *, private: bool = False) -> None:
    repository = site.repository("admin", name=name, private=private)
    site.push_lfs(repository, "weights.safetensors", weights)
    site.commit(repository, [regular_file("README.md", CARD)]).raise_for_status()


@contextmanager
def besieged(folder: Path) -> Iterator[tuple[Villain, Villain]]:
    """A victim's two peers: the villain, and another one who has nothing to do with its swaps."""
    with (
        new_site(folder / "victim", gc_every=0.0, check_every=0.0, repack_every=0.0) as site,
        new_site(folder / "villain") as store,
    ):
        publish(site, "base", BASE)
        publish(site, SECRET_NAME, VAULT, private=True)
        publish(store, "loot", CHILD)
        publish(store, "more", BASE + b"")
        with site.hub.services.database.read() as tx:
            key = identities.current(tx).public
        victim = Victim(site, key, [])
        vault = victim.item(SECRET_NAME)
        told = [SECRET_NAME, str(folder), *(file.sha256 for file in vault.files if file.lfs)]
        victim.secrets = [each.encode() for each in told]
        made = [Villain(SigningKey.generate(), victim, store.hub.services) for _ in range(2)]
        with serving(made[0]):
            with site.hub.services.database.write() as tx:
                for name, villain in zip(("villain", "third"), made, strict=True):
                    peers.add(tx, name, villain.url or "http://third.example", villain.key.public, now=0.0)
            yield made[0], made[1]


@contextmanager
def serving(villain: Villain) -> Iterator[None]:
    """The villain's own server, while it is entered."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            villain.heard.append(self.path.encode() + repr(self.headers.items()).encode() + body)
            try:
                if self.path.endswith("/objects"):
                    self._objects(json.loads(body))
                else:
                    self._send(200, json.dumps(body_of(*villain.answers)).encode())
            except OSError:
                pass  # the victim has had enough

        def _objects(self, asked: dict[str, Any]) -> None:
            assert villain.serve is not None
            status, pieces = villain.serve(villain, self.path.split("/")[-2], asked)
            self.send_response(status)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in pieces:
                if piece:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

        protocol_version = "HTTP/1.1"

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    villain.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
