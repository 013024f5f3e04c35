"""Objects of repositories over HTTP: what is listed, read, missing, written, made into files, and bounded."""

import hashlib
import secrets
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pytest

from tukar.hub import open_hub
from tukar.objects import manifests, stream
from tukar.objects.stream import Input
from tukar.testing.models import tiny_safetensors
from tukar.types import Digest, Manifest, Part

from .pushes import Push, frames, wait_for
from .site import Site, regular_file, serve
from .site import site as new_site


def noise(size: int = 3000) -> bytes:
    return secrets.token_bytes(size)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def repository(site: Site) -> str:
    """With a file that is large, and a regular one."""
    made = site.repository()
    site.push_lfs(made, "model.safetensors", tiny_safetensors(0))
    site.commit(made, [regular_file("README.md", b"# Read me\n" * 50)]).raise_for_status()
    return made


def listed(site: Site, repository: str, who: str | None = None) -> dict[str, dict[str, Any]]:
    found = site.get(f"/api/models/{repository}/objects/files/main", who).raise_for_status().json()
    return {item["path"]: item for item in found}


def read(site: Site, repository: str, wanted: Iterable[str], who: str | None = None, **more: Any) -> httpx.Response:
    asked = {"objects": list(wanted), **more}
    return site.post(f"/api/models/{repository}/objects/read", who, json=asked)


def manifest(site: Site, repository: str, path: str) -> Manifest:
    digest = listed(site, repository)[path]["manifest"]
    (frame,) = frames(read(site, repository, [digest]).raise_for_status().content)
    assert str(frame.record.digest) == digest
    return manifests.decode(frame.raw)


def test_files_are_listed_with_what_they_are_made_of(site: Site, repository: str) -> None:
    found = listed(site, repository)
    assert found.keys() == {"README.md", "model.safetensors"}
    model = found["model.safetensors"]
    assert model["lfs"] == {"oid": sha256(tiny_safetensors(0)), "size": len(tiny_safetensors(0))}
    assert "lfs" not in found["README.md"]
    made = manifest(site, repository, "model.safetensors")
    assert (made.sha256, made.size) == (model["sha256"], model["size"])
    assert manifest(site, repository, "README.md").sha256 == sha256(b"# Read me\n" * 50)


def test_the_list_comes_in_pages(site: Site, repository: str) -> None:
    first = site.get(f"/api/models/{repository}/objects/files/main?limit=1")
    assert len(first.json()) == 1
    second = site.http.get(first.links["next"]["url"])
    assert {item["path"] for item in first.json() + second.json()} == listed(site, repository).keys()
    assert "next" not in second.links


def test_a_file_is_what_its_objects_make_up(site: Site, repository: str) -> None:
    for path, content in (("model.safetensors", tiny_safetensors(0)), ("README.md", b"# Read me\n" * 50)):
        parts = manifest(site, repository, path).parts
        answer = read(site, repository, dict.fromkeys(str(part.digest) for part in parts))
        assert answer.headers["content-type"] == "application/vnd.tukar.objects"
        assert "content-length" not in answer.headers  # an object may be encoded anew before it is its turn
        raw = {frame.record.digest: frame.raw for frame in frames(answer.content)}
        assert b"".join(raw[part.digest] for part in parts) == content


def test_a_stream_goes_on_in_the_middle_of_an_object(site: Site, repository: str) -> None:
    part = max(manifest(site, repository, "model.safetensors").parts, key=lambda part: part.length)
    answer = read(site, repository, [str(part.digest)]).content
    found = stream.read_header(Input([answer]))
    assert found is not None
    header = stream.header(found[0])
    start = {"record": str(stream.name(found[0])), "stored": 100}
    rest = read(site, repository, [str(part.digest)], start=start)
    assert rest.content == stream.header(found[0], 100) + answer[len(header) + 100 :]
    other = read(site, repository, [str(part.digest)], start=start | {"record": "0" * 64})
    assert other.content == answer


@pytest.mark.parametrize(
    "asked",
    [
        *({"objects": "x"}, {"objects": [7]}, {"objects": ["x"]}, {"objects": ["A" * 64]}, []),
        *({"objects": [], "start": 7}, {"objects": [], "start": {"record": "0" * 64, "stored": -1}}),
        {"objects": ["0" * 64] * 10_001},
    ],
)
def test_what_makes_no_sense_is_refused(site: Site, repository: str, asked: Any) -> None:
    assert site.post(f"/api/models/{repository}/objects/read", "alice", json=asked).status_code == 400
    address = f"/api/models/{repository}/objects/uploads/{'0' * 64}/missing"
    if "start" not in asked:
        assert site.post(address, "alice", json=asked).status_code == 400


def test_nothing_at_all_is_an_empty_stream(site: Site, repository: str) -> None:
    assert read(site, repository, []).content == b""


# Pushes


def test_a_push_object_by_object(own_site: Site) -> None:
    site, model = own_site, tiny_safetensors(1)
    target = site.repository()
    push = Push(site, target, model)
    assert push.missing() == push.digests
    push.write(*push.digests).raise_for_status()
    assert push.missing() == []
    push.make().raise_for_status()
    site.link(target, "model.safetensors", sha256(model), len(model)).raise_for_status()
    push.end().raise_for_status()
    assert site.resolve(target, "model.safetensors").content == model
    assert not push.folder.exists()


def test_what_is_within_reach_need_not_be_sent(site: Site, repository: str) -> None:
    """The parent is public; the child has one other tensor."""
    child = bytearray(tiny_safetensors(0))
    child[-1] ^= 1
    push = Push(site, site.repository("bob"), bytes(child))
    missing = push.missing()
    assert len(missing) == 2
    push.write(*missing).raise_for_status()
    push.make().raise_for_status()
    site.link(push.repository, "child.safetensors", sha256(child), len(child)).raise_for_status()
    assert site.resolve(push.repository, "child.safetensors").content == child


def test_what_came_before_a_cut_stays(site: Site) -> None:
    push = Push(site, site.repository(), noise(3_000_000))
    push.write_torn()
    value = push.ask().json()
    assert value["start"]["stored"] > 1 << 20
    push.resume(value)
    assert push.missing() == []
    push.make().raise_for_status()


def test_it_goes_on_after_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, data = tmp_path_factory.mktemp("hub"), noise(3_000_000)
    with new_site(folder) as before:
        push = Push(before, before.repository(), data)
        push.write_torn()
    with open_hub(before.hub.config) as hub, serve(hub) as url, httpx.Client(base_url=url) as client:
        after = Site(hub, before.clock, url, client, before.tokens)
        again = Push(after, push.repository, data)
        value = again.ask().json()
        assert value["start"]["stored"] > 1 << 20
        again.resume(value)
        again.make().raise_for_status()
        after.link(push.repository, "w.bin", sha256(data), len(data)).raise_for_status()
        assert after.resolve(push.repository, "w.bin").content == data


def test_the_same_upload_cannot_run_twice(site: Site) -> None:
    push = Push(site, site.repository(), noise(300_000))
    first, go_on = threading.Event(), threading.Event()
    body, answers = push.stream(*push.digests), []

    def slow() -> Iterator[bytes]:
        yield body[:-5]
        first.set()
        go_on.wait(30)
        yield body[-5:]

    thread = threading.Thread(target=lambda: answers.append(push.post(slow())))
    thread.start()
    first.wait(30)
    wait_for(push.is_busy)
    assert push.ask().status_code == 409
    assert push.write(*push.digests).status_code == 409
    go_on.set()
    thread.join()
    assert [answer.status_code for answer in answers] == [200]
    assert push.missing() == []


def test_other_bytes_under_an_objects_name_are_refused(site: Site) -> None:
    push = Push(site, site.repository(), noise())
    stream_ = bytearray(push.stream(*push.digests))
    stream_[-1] ^= 1
    answer = push.post(bytes(stream_))
    assert answer.status_code == 400
    assert answer.headers.get("X-Error-Code") is None
    assert push.missing() != []


def test_a_file_of_other_objects_than_announced_is_refused(site: Site) -> None:
    data, other = noise(), noise()
    push = Push(site, site.repository(), data)
    push.write(*push.digests).raise_for_status()
    lies = [
        {"sha256": sha256(other)},
        {"size": len(data) - 1},
        {"manifest": push.digests[1]},
        {"sha256": "x"},
        {"size": -1},
        {"size": "1"},
        {"manifest": "x"},
    ]
    for lie in lies:
        assert push.make(**lie).status_code == 400, lie
    assert push.make(manifest="0" * 64).status_code == 409
    assert site.link(push.repository, "w.bin", sha256(other), len(other)).status_code == 400


def test_a_manifest_that_lies_makes_no_file(site: Site) -> None:
    """Its parts are the sender's own; its sha256 is not theirs."""
    data = noise()
    lie = Manifest("1" * 64, len(data), "opaque", (Part(Digest.of(data), len(data)),))
    push = Push(site, site.repository(), data, manifest=lie)
    push.write(*push.digests).raise_for_status()
    answer = push.make(sha256="1" * 64)
    assert answer.status_code == 400
    assert "as announced" in answer.json()["error"]


@pytest.mark.parametrize("name", ["x", "A" * 64, "0" * 63, "..%2f" * 10])
def test_an_upload_has_a_name_of_64_hex_digits(site: Site, repository: str, name: str) -> None:
    address = f"/api/models/{repository}/objects/uploads/{name}"
    assert site.post(f"{address}/missing", "alice", json={"objects": []}).status_code == 400
    assert site.call("DELETE", address, "alice").status_code == 400


def test_a_body_of_too_many_bytes_is_cut_off(tmp_path_factory: pytest.TempPathFactory, monkeypatch) -> None:
    monkeypatch.setattr("tukar.server.objects.PORTION", 100_000)
    monkeypatch.setattr("tukar.server.objects._HEADERS", 0)
    with new_site(tmp_path_factory.mktemp("hub"), upload_limit=50_000) as site:
        push = Push(site, site.repository(), noise(200_000))
        sent = 0

        def endless() -> Iterator[bytes]:
            nonlocal sent
            while sent < 1 << 30:
                sent += 1 << 16
                yield push.stream(push.digests[1]) if sent == 1 << 16 else noise(1 << 16)

        try:
            assert push.post(endless()).status_code in (400, 413)
        except httpx.TransportError:
            pass
        assert sent < 64 << 20
        assert push.make().status_code == 400
        assert push.ask().json()["limit"] == 50_000


def test_an_object_without_end_takes_no_memory(site: Site) -> None:
    """A table of many blocks is refused before it is read."""
    from tukar.objects.packs import RECORD

    push = Push(site, site.repository(), noise())
    fixed = RECORD.pack(bytes(32), 0, 0, 0, 0, 1, 0, 3_900_000, 0, 3_900_000)
    answer = push.post(fixed + bytes(1000))
    assert answer.status_code == 400
    assert "more than is taken in" in answer.json()["error"]


def test_uploads_of_which_nothing_more_came_are_forgotten(own_site: Site) -> None:
    from tukar.usecases.collect import collect

    push = Push(own_site, own_site.repository(), noise(3_000_000))
    push.write(push.digests[0]).raise_for_status()
    push.write_torn()
    own_site.clock.now += 3600
    collect(own_site.hub.services, grace=0.0, upload_window=7200.0)
    assert len(push.missing()) == 1
    own_site.clock.now += 7300
    collect(own_site.hub.services, grace=0.0, upload_window=7200.0)
    assert not push.folder.exists()
    assert len(push.missing()) == 2


def test_others_cannot_go_on_with_my_upload(site: Site) -> None:
    """Its name is no secret: it follows from what is pushed."""
    data = noise()
    mine = Push(site, site.repository(), data)
    mine.write(*mine.digests).raise_for_status()
    his = Push(site, site.repository("bob"), data)
    assert his.missing() == his.digests
    assert his.make().status_code == 409
    his.end().raise_for_status()
    assert mine.missing() == []
