"""The Xet service: tokens, xorbs, shards, reconstructions; a file comes back as it was sent."""

import hashlib
import json
import secrets
from typing import Any

import pytest

from tukar.testing.xet import MadeRun, MadeXorb, made_file, made_shard
from tukar.xet import ShardFile, XetHash
from tukar.xet.chunks import HEADER_BYTES

from .site import Site, Xet
from .site import site as new_site


def xorb(*lengths: int) -> MadeXorb:
    return MadeXorb(tuple(secrets.token_bytes(length) for length in lengths))


@pytest.fixture
def repository(site: Site) -> str:
    return site.repository()


# Tokens


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_token_comes_in_headers_and_as_json(site: Site, repository: str, kind: str) -> None:
    answer = site.get(f"/api/models/{repository}/xet-{kind}-token/main", "alice")
    value = answer.json()
    assert value["casUrl"] == answer.headers["X-Xet-Cas-Url"]
    assert value["accessToken"] == answer.headers["X-Xet-Access-Token"]
    assert str(value["exp"]) == answer.headers["X-Xet-Token-Expiration"]
    assert isinstance(value["exp"], int)
    assert value["casUrl"].startswith(f"{site.url}/xet/")
    assert not value["casUrl"].endswith("/")
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_address_follows_the_host_that_was_asked(site: Site, repository: str) -> None:
    answer = site.get(f"/api/models/{repository}/xet-read-token/main", headers={"Host": "models.example"})
    assert answer.json()["casUrl"].startswith("http://models.example/xet/")


def test_a_public_address_goes_before(tmp_path_factory: pytest.TempPathFactory) -> None:
    with new_site(tmp_path_factory.mktemp("public"), public_url="https://models.example/") as site:
        repository = site.repository()
        made = xorb(100)
        assert (
            site.get(f"/api/models/{repository}/xet-read-token/main")
            .json()["casUrl"]
            .startswith("https://models.example/xet/")
        )
        writer = site.xet("write", repository, "alice")
        writer.url = writer.url.replace("https://models.example", site.url)
        writer.post_xorb(made).raise_for_status()


def test_everyone_has_an_address_of_their_own(site: Site, repository: str) -> None:
    urls = [site.xet("read", repository, who).url for who in ("alice", "bob", None)]
    assert len(set(urls)) == 3
    assert len({url.split("/")[4] for url in urls}) == 1


# Xorbs and shards


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_shard_makes_files(site: Site, repository: str, version: str) -> None:
    first, second = xorb(1000, 2000), xorb(500)
    files = [made_file(first.run(), second.run()), made_file(first.run(1, 2)), made_file(second.run(), verified=False)]
    writer = site.xet("write", repository, "alice")
    for made in (first, second):
        assert writer.post_xorb(made).json() == {"was_inserted": True}
    answer = writer.post_shard(made_shard(*files, xorbs=[first, second]), version)
    assert answer.status_code == 200
    if version == "v1":
        assert answer.json() == {"result": 1}
    else:
        frames = [json.loads(line) for line in answer.text.splitlines()]
        assert frames[0] == {"type": "validating", "verified": 0, "total": sum(file.size for file in files)}
        assert frames[-1] == {"type": "result"}
        assert answer.headers["Content-Type"] == "application/x-ndjson"
        assert "Content-Length" not in answer.headers
    for file in files:
        assert file.sha256 is not None
        assert site.link(repository, f"{file.hash}.bin", file.sha256, file.size).status_code == 200
    assert site.resolve(repository, f"{files[0].hash}.bin").content == first.run().data + second.run().data


def test_an_error_of_a_shard_is_told_in_its_last_line(site: Site, repository: str) -> None:
    writer = site.xet("write", repository, "alice")
    answer = writer.post_shard(made_shard(made_file(xorb(100).run())), "v2")
    assert answer.status_code == 200
    last = json.loads(answer.text.splitlines()[-1])
    assert last.keys() == {"type", "message", "retryable"}
    assert (last["type"], last["retryable"]) == ("error", False)
    assert "start the upload again" in last["message"]


def test_a_shard_that_is_no_shard_is_refused_at_once(site: Site, repository: str) -> None:
    writer = site.xet("write", repository, "alice")
    for version in ("v1", "v2"):
        assert writer.post_shard(b"nothing", version).status_code == 400


def test_a_shard_without_files(site: Site, repository: str) -> None:
    writer = site.xet("write", repository, "alice")
    assert writer.post_shard(made_shard()).json() == {"result": 1}


def test_an_empty_file(site: Site, repository: str) -> None:
    writer = site.xet("write", repository, "alice")
    file = made_file()
    assert writer.post_shard(made_shard(file)).status_code == 200
    assert file.sha256 == hashlib.sha256(b"").hexdigest()
    assert site.link(repository, "empty.bin", file.sha256, 0).status_code == 200
    value = site.xet("read", repository, None).reconstruction(file.hash).json()
    assert value == {"offset_into_first_range": 0, "terms": [], "xorbs": {}}


def test_the_same_shard_again(site: Site, repository: str) -> None:
    made, writer = xorb(1000), site.xet("write", repository, "alice")
    writer.post_xorb(made).raise_for_status()
    body = made_shard(made_file(made.run()))
    assert [writer.post_shard(body).status_code for _ in range(3)] == [200] * 3
    assert writer.post_xorb(made).json() == {"was_inserted": False}


def test_a_xorb_may_be_used_by_later_shards(site: Site, repository: str) -> None:
    made, writer = xorb(1000, 2000, 3000), site.xet("write", repository, "alice")
    writer.post_xorb(made).raise_for_status()
    for run in (made.run(0, 1), made.run(1, 3), made.run()):
        assert writer.post_shard(made_shard(made_file(run))).status_code == 200
    assert not site.hub.services.xorbs.staging.path(made.hash).exists()  # all of it is in stored files
    again = MadeRun(made, 0, 2)
    assert writer.post_shard(made_shard(made_file(again, again))).status_code == 200


def test_a_part_of_a_xorb_stays_staged_until_it_is_used(site: Site, repository: str) -> None:
    made, writer = xorb(1000, 2000), site.xet("write", repository, "alice")
    writer.post_xorb(made).raise_for_status()
    writer.post_shard(made_shard(made_file(made.run(0, 1)))).raise_for_status()
    assert site.hub.services.xorbs.staging.path(made.hash).exists()
    assert writer.post_shard(made_shard(made_file(made.run(1, 2)))).status_code == 200
    assert not site.hub.services.xorbs.staging.path(made.hash).exists()


def wrong(file: ShardFile, **values: Any) -> ShardFile:
    given = {"hash": file.hash, "terms": file.terms, "verification": file.verification, "sha256": file.sha256}
    return ShardFile(**(given | values))


def test_a_shard_is_held_against_the_xorbs(site: Site, repository: str) -> None:
    made, writer = xorb(1000, 2000), site.xet("write", repository, "alice")
    writer.post_xorb(made).raise_for_status()
    file = made_file(made.run())
    (term,) = file.terms
    other = XetHash(bytes(range(32)))
    for bad in (
        wrong(file, hash=other),
        wrong(file, sha256="5" * 64),
        wrong(file, verification=(other,)),
        wrong(file, terms=(type(term)(term.xorb, 0, 2, 2999),)),
        wrong(file, terms=(type(term)(term.xorb, 0, 1, 1000),)),
        wrong(file, terms=(type(term)(term.xorb, 0, 3, 3000),)),
        wrong(file, terms=(type(term)(term.xorb, 8000, 8001, 3000),)),
        wrong(file, terms=file.terms * 2, verification=None),
    ):
        assert writer.post_shard(made_shard(bad)).status_code == 400
    assert site.link(repository, "a.bin", str(file.sha256), file.size).status_code == 400
    assert writer.post_shard(made_shard(file)).status_code == 200


def test_a_file_larger_than_the_hub_takes(tmp_path_factory: pytest.TempPathFactory) -> None:
    with new_site(tmp_path_factory.mktemp("small"), upload_limit=1000) as site:
        made, writer = xorb(1000, 1), site.xet("write", site.repository(), "alice")
        writer.post_xorb(made).raise_for_status()
        answer = writer.post_shard(made_shard(made_file(made.run())))
        assert (answer.status_code, "1000" in answer.json()["error"]) == (400, True)
        assert writer.post_shard(made_shard(made_file(made.run(0, 1)))).status_code == 200


# Reconstructions


def fetch(site: Site, reader: Xet, file: XetHash, version: str, span: str | None = None) -> bytes:
    """What a client makes of a reconstruction, before it cuts the range out."""
    value = reader.reconstruction(file, version, span).raise_for_status().json()
    chunks: dict[tuple[str, int], bytes] = {}
    for name, entries in value["xorbs" if version == "v2" else "fetch_info"].items():
        for entry in entries:
            if version == "v2":
                (part,) = entry["ranges"]
                run, wanted = part["chunks"], part["bytes"]
            else:
                run, wanted = entry["range"], entry["url_range"]
            answer = site.http.get(entry["url"], headers={"Range": f"bytes={wanted['start']}-{wanted['end']}"})
            assert answer.status_code == 206
            assert len(answer.content) == wanted["end"] - wanted["start"] + 1
            chunks.update(unpacked(answer.content, name, run["start"]))
            assert (name, run["end"] - 1) in chunks
            assert (name, run["end"]) not in chunks
    data = b""
    for term in value["terms"]:
        run = b"".join(chunks[term["hash"], at] for at in range(term["range"]["start"], term["range"]["end"]))
        assert len(run) == term["unpacked_length"]
        data += run
    return data[value["offset_into_first_range"] :]


def unpacked(body: bytes, name: str, first: int) -> dict[tuple[str, int], bytes]:
    found = {}
    while body:
        assert body[4] == 0  # uncompressed
        length = int.from_bytes(body[5:8], "little")
        found[name, first + len(found)] = body[HEADER_BYTES : HEADER_BYTES + length]
        body = body[HEADER_BYTES + length :]
    return found


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_file_comes_back(site: Site, repository: str, version: str) -> None:
    first, second = xorb(1000, 70_000, 300), xorb(5)
    runs = (first.run(1, 3), second.run(), first.run(0, 2), first.run(2, 3))
    content = b"".join(run.data for run in runs)
    file = site.push_xet(repository, "a.bin", *runs)
    reader = site.xet("read", repository, None)
    assert fetch(site, reader, file, version) == content
    for start, stop in ((0, 1), (999, 1001), (70_299, 70_400), (len(content) - 1, len(content)), (5, 10**15)):
        part = fetch(site, reader, file, version, f"bytes={start}-{stop - 1}")
        assert part[: stop - start] == content[start:stop]


def test_a_range_past_the_end_is_the_end(site: Site, repository: str) -> None:
    made = xorb(1000)
    file = site.push_xet(repository, "a.bin", made.run())
    reader = site.xet("read", repository, None)
    for span in ("bytes=1000-", "bytes=5000-6000"):
        answer = reader.reconstruction(file, span=span)
        assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */1000")


def test_there_is_no_third_version(site: Site, repository: str) -> None:
    file = site.push_xet(repository, "a.bin", xorb(10).run())
    assert site.xet("read", repository, None).reconstruction(file, "v3").status_code == 404


def test_a_file_that_was_committed_long_ago_is_still_read(site: Site, repository: str) -> None:
    file = site.push_xet(repository, "a.bin", xorb(10).run())
    site.commit(repository, [("deletedFile", {"path": "a.bin"})]).raise_for_status()
    assert site.xet("read", repository, None).reconstruction(file).status_code == 200


def test_head_of_an_address(site: Site, repository: str) -> None:
    url, span = site.xet("read", repository, None).first_url(site.push_xet(repository, "a.bin", xorb(10).run()))
    answer = site.http.head(url, headers={"Range": span})
    assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (206, "18", b"")
