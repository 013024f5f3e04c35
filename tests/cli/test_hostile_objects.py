"""A hub that lies about objects gets nothing onto the disk."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tukar.objects import manifests, stream
from tukar.objects.packs import BLOCK, CONTENT, MANIFEST, RECORD, Record, object_hasher
from tukar.types import Digest, Manifest, Part

from .fake import REPOSITORY, FakeHub, Request, entry
from .files import contents, noise
from .hub import Commands

ONE, TWO, THREE = noise(41, 3_000_000), noise(42, 2000), noise(43, 500)
WHOLE = ONE + TWO + THREE
BLOCK_SIZE = 1 << 20


def frame(raw: bytes, kind: int = CONTENT, digest: Digest | None = None) -> bytes:
    blocks = [raw[at : at + BLOCK_SIZE] for at in range(0, len(raw), BLOCK_SIZE)]
    table = b"".join(BLOCK.pack(len(block), Digest.of(block), Digest.of(block)) for block in blocks)
    digest = digest or Digest(object_hasher(kind).update(raw).digest())
    return stream.header(Record(digest, kind, len(raw), 0, BLOCK_SIZE, 0, len(raw), b"", table)) + raw


class ObjectsHub:
    """Serves one file of three parts by its objects, honestly unless told not to."""

    def __init__(self, fake: FakeHub) -> None:
        self.fake = fake
        parts = tuple(Part(Digest.of(part), len(part)) for part in (ONE, TWO, THREE))
        self.manifest = Manifest(hashlib.sha256(WHOLE).hexdigest(), len(WHOLE), "opaque", parts)
        self.frames = {str(Digest.of(part)): frame(part) for part in (ONE, TWO, THREE)}
        self.listed: Any = None
        self.tell(self.manifest)
        fake.says("GET .*/objects/files/", lambda request: request.answer_json(self.listed))
        fake.says("POST /api/models/acme/tiny/objects/read", self._read)

    def tell(self, manifest: Manifest, encoded: bytes | None = None, kind: int = MANIFEST) -> None:
        """List the file as made of this."""
        encoded = encoded if encoded is not None else manifests.encode(manifest)
        self.name = str(Digest(object_hasher(kind).update(encoded).digest()))
        self.frames[self.name] = frame(encoded, kind)
        self.listed = [{**entry("w.bin", WHOLE), "manifest": self.name}]

    def _read(self, request: Request) -> None:
        asked = json.loads(request.body())
        request.answer(200, b"".join(self.frames[digest] for digest in asked["objects"]))

    def says(self, body: Callable[[list[str]], bytes]) -> None:
        """What comes instead of content."""

        def answer(request: Request) -> None:
            wanted = json.loads(request.body())["objects"]
            request.answer(200, self.frames[self.name] if wanted == [self.name] else body(wanted))

        self.fake.says("POST .*/objects/read", answer)


@pytest.fixture
def lying(fake: FakeHub) -> ObjectsHub:
    return ObjectsHub(fake)


def refused(deceived: Commands, tmp_path: Path, told: str) -> None:
    done = deceived("pull", REPOSITORY, "--to", tmp_path / "pulled")
    assert done.code == 1, done.stdout
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "pulled").exists()
    assert not list(tmp_path.glob("**/snapshot.json"))


def test_one_that_does_not_lie(deceived: Commands, lying: ObjectsHub, tmp_path: Path) -> None:
    pulled = deceived.json("pull", REPOSITORY, "--to", tmp_path / "pulled")
    assert pulled["via"] == "objects"
    assert contents(tmp_path / "pulled") == {"w.bin": WHOLE}


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("at", [100, 200, 1000, 1_500_000, 2_999_000])
def test_other_bytes(deceived: Commands, lying: ObjectsHub, tmp_path: Path, at: int) -> None:
    lying.says(lambda wanted: flip(b"".join(lying.frames[digest] for digest in wanted), at))
    refused(deceived, tmp_path, "tukar: ")


def test_what_came_before_a_lie_is_kept(deceived: Commands, lying: ObjectsHub, tmp_path: Path) -> None:
    lying.says(lambda wanted: flip(b"".join(lying.frames[digest] for digest in wanted), 2_500_000))
    refused(deceived, tmp_path, "does not match its digest")
    (part,) = tmp_path.glob("**/*.part")
    assert part.read_bytes() == WHOLE[: 2 * BLOCK_SIZE]


@pytest.mark.parametrize(
    ("told", "lie"),
    [
        ("was not asked for", lambda frames, wanted: frame(noise(1, 100)) + b"".join(frames[each] for each in wanted)),
        ("out of order", lambda frames, wanted: b"".join(frames[each] for each in reversed(wanted))),
        ("was not asked for", lambda frames, wanted: frames[wanted[0]] * 2),
        ("begins after its end", lambda frames, wanted: RECORD.pack(bytes(32), 0, 0, 0, 0, 1, 9, 0, 0, 0)),
        ("malformed", lambda frames, wanted: RECORD.pack(bytes(32), 9, 0, 0, 0, 1, 0, 0, 0, 0)),
        ("more than is taken in", lambda frames, wanted: RECORD.pack(bytes(32), 0, 0, 0, 0, 1, 0, 1 << 22, 0, 1 << 21)),
        ("more than is taken in", lambda frames, wanted: RECORD.pack(bytes(32), 0, 0, 0, 0, 1, 0, 1 << 50, 0, 1)),
        ("not as long as", lambda frames, wanted: frame(TWO, digest=Digest.of(ONE))),
        ("was not asked for", lambda frames, wanted: frame(ONE, MANIFEST)),
        ("ends within a frame", lambda frames, wanted: frames[wanted[0]][:50]),
    ],
)
def test_streams_that_make_no_sense(
    deceived: Commands, lying: ObjectsHub, tmp_path: Path, told: str, lie: Callable[[Any, Any], bytes]
) -> None:
    lying.says(lambda wanted: lie(lying.frames, wanted))
    refused(deceived, tmp_path, told)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.part")) <= len(WHOLE)


def test_a_stream_that_goes_on_where_it_was_not_asked_to(deceived: Commands, lying: ObjectsHub, tmp_path: Path) -> None:
    begun = stream.read_header(stream.Input([frame(ONE)]))
    assert begun is not None
    lying.says(lambda _: stream.header(begun[0], 1000) + ONE[1000:])
    refused(deceived, tmp_path, "goes on at byte 1000")


def test_a_stream_without_end_is_left(deceived: Commands, lying: ObjectsHub, tmp_path: Path) -> None:
    sent = 0

    def endless(request: Request) -> None:
        nonlocal sent
        wanted = json.loads(request.body())["objects"]
        if wanted == [lying.name]:
            request.answer(200, lying.frames[lying.name])
            return
        request.send_response(200)
        request.send_header("Content-Length", str(1 << 60))
        request.end_headers()
        for digest in wanted:
            sent += request.wfile.write(lying.frames[digest])
        while True:
            sent += request.wfile.write(frame(noise(2, 1 << 16)))

    lying.fake.says("POST .*/objects/read", endless)
    refused(deceived, tmp_path, "was not asked for")
    assert sent < 64 << 20


def test_fewer_objects_than_asked_for(
    deceived: Commands, lying: ObjectsHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tukar.exchange.transfer.PAUSES", (0.0,))
    lying.says(lambda wanted: lying.frames[wanted[0]] if len(wanted) == 3 else b"")
    refused(deceived, tmp_path, "ended within an object")


def test_a_body_that_is_shorter_than_it_says(
    deceived: Commands, lying: ObjectsHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tukar.exchange.transfer.PAUSES", (0.0,))

    def short(request: Request) -> None:
        request.body()
        request.close_connection = True
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(lying.frames[lying.name][:10])

    lying.fake.says("POST .*/objects/read", short)
    refused(deceived, tmp_path, "early")


def test_parts_of_another_file(deceived: Commands, lying: ObjectsHub, tmp_path: Path) -> None:
    """Each object is what its name says, and together they are not the file."""
    parts = lying.manifest.parts
    lying.tell(replace(lying.manifest, parts=(parts[1], parts[0], parts[2])))
    refused(deceived, tmp_path, "the hub sent bytes that are not sha256:")
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize(
    ("told", "lie"),
    [
        ("another file's", {"sha256": "0" * 64}),
        ("another file's", {"size": len(ONE), "parts": (Part(Digest.of(ONE), len(ONE)),)}),
    ],
)
def test_the_manifest_of_another_file(
    deceived: Commands, lying: ObjectsHub, tmp_path: Path, told: str, lie: dict[str, Any]
) -> None:
    lying.tell(replace(lying.manifest, **lie))
    refused(deceived, tmp_path, told)


@pytest.mark.parametrize("data", [b"", b"TUKARMF", noise(3, 500)])
def test_what_is_no_manifest(deceived: Commands, lying: ObjectsHub, tmp_path: Path, data: bytes) -> None:
    lying.tell(lying.manifest, data)
    refused(deceived, tmp_path, "a manifest is malformed")


def test_content_instead_of_a_manifest(deceived: Commands, lying: ObjectsHub, tmp_path: Path) -> None:
    lying.tell(lying.manifest, kind=CONTENT)
    refused(deceived, tmp_path, "was not asked for")


def test_a_manifest_under_anothers_name(deceived: Commands, lying: ObjectsHub, tmp_path: Path) -> None:
    data = manifests.encode(lying.manifest)
    lying.frames[lying.name] = frame(flip(data, 20), MANIFEST, Digest.parse(lying.name))
    refused(deceived, tmp_path, "do not add up to its digest")


def test_manifests_of_more_parts_than_fit(
    deceived: Commands, lying: ObjectsHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tukar.cli.gathering._MANIFESTS", 100)
    refused(deceived, tmp_path, "more parts than fit")


@pytest.mark.parametrize("manifest", [None, 7, "", "../x", "A" * 64, "0" * 63])
def test_lists_that_make_no_sense(deceived: Commands, lying: ObjectsHub, tmp_path: Path, manifest: Any) -> None:
    lying.listed = [{**entry("w.bin", WHOLE), "manifest": manifest}]
    refused(deceived, tmp_path, "makes no sense")


@pytest.mark.parametrize("path", ["../x", "/tmp/x", ".tukar/lock", "a\\b"])
def test_paths_that_lead_elsewhere(deceived: Commands, lying: ObjectsHub, tmp_path: Path, path: str) -> None:
    lying.listed = [{**entry(path, WHOLE), "manifest": lying.name}]
    refused(deceived, tmp_path, "tukar: ")


def test_a_hub_that_finds_its_objects_damaged_is_not_asked_again(
    deceived: Commands, lying: ObjectsHub, tmp_path: Path
) -> None:
    told = {"error": "block 3 does not match its digest"}
    lying.fake.says("/objects/read", lambda request: request.answer_json(told, 500, X_Error_Code="Corrupt"))
    refused(deceived, tmp_path, "the hub's copy is damaged (block 3 does not match its digest)")
    assert len([path for _, path, _ in lying.fake.requests if "/objects/read" in path]) == 1


def test_a_busy_hub_is_asked_again(
    deceived: Commands, lying: ObjectsHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tukar.exchange.transfer.PAUSES", (0.0,) * 3)
    honest, refusals = lying._read, iter(range(3))

    def busy(request: Request) -> None:
        if next(refusals, None) is None:
            honest(request)
        else:
            request.body()
            request.answer_json({"error": "the hub is busy"}, 503, Retry_After="0")

    lying.fake.says("POST .*/objects/read", busy)
    deceived.json("pull", REPOSITORY, "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == {"w.bin": WHOLE}


# Pushes


@pytest.mark.parametrize(
    "told",
    [
        *(None, 7, [], {}, {"limit": "x"}, {"limit": 1 << 40, "objects": 7}, {"limit": 1 << 40, "objects": ["x"]}),
        {"limit": 1 << 40, "objects": ["0" * 64]},
        {"limit": 1 << 40, "objects": "ours", "start": 7},
        {"limit": 1 << 40, "objects": "ours", "start": {"record": "x", "stored": 0}},
        {"limit": 1 << 40, "objects": "ours", "start": {"record": "0" * 64, "stored": -1}},
    ],
)
def test_answers_to_a_push_that_make_no_sense(deceived: Commands, fake: FakeHub, tmp_path: Path, told: Any) -> None:
    def missing(request: Request) -> None:
        asked = json.loads(request.body())["objects"]
        ours = isinstance(told, dict) and told.get("objects") == "ours"
        request.answer_json({**told, "objects": asked} if ours else told)

    _takes_pushes(fake)
    fake.says("POST .*/missing", missing)
    done = deceived("push", _large(tmp_path), REPOSITORY)
    assert done.code == 1
    assert "makes no sense" in done.stderr
    assert [path for _, path, _ in fake.requests if "/commit/" in path] == []


def test_a_file_that_the_hub_does_not_take_is_not_sent(deceived: Commands, fake: FakeHub, tmp_path: Path) -> None:
    def missing(request: Request) -> None:
        request.body()
        request.answer_json({"objects": [], "start": None, "limit": 100})

    _takes_pushes(fake)
    fake.says("POST .*/missing", missing)
    done = deceived("push", _large(tmp_path), REPOSITORY)
    assert "'w.bin' is refused: this hub takes at most 100 bytes" in done.stderr
    assert [path for _, path, _ in fake.requests if path.endswith(("/write", "/commit/main"))] == []


def _takes_pushes(fake: FakeHub) -> None:
    def answering(value: Any) -> Callable[[Request], None]:
        return lambda request: (request.body(), request.answer_json(value))[1]

    fake.says("GET /api/models/acme/tiny", answering({"id": REPOSITORY, "private": False, "sha": "c" * 40}))
    wish = {"path": "w.bin", "uploadMode": "lfs", "shouldIgnore": False}
    fake.says("POST .*/preupload/", answering({"files": [wish]}))


def _large(tmp_path: Path) -> Path:
    (tmp_path / "w.bin").write_bytes(noise(44, 5000))
    return tmp_path / "w.bin"
