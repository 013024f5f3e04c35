"""Uploads through Git LFS: the batch call, one body, several parts."""

import hashlib
import os
import secrets

import pytest

from tukar.server import lfs, signing

from .site import Site
from .site import site as new_site

MEDIA = "application/vnd.git-lfs+json"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def repository(site: Site) -> str:
    return site.repository()


@pytest.fixture
def data() -> bytes:
    return secrets.token_bytes(1000)


def test_a_new_object_has_an_address_to_be_sent_to(site: Site, repository: str, data: bytes) -> None:
    answer = site.batch(repository, [(sha256(data), len(data))])
    assert answer.headers["Content-Type"] == MEDIA
    assert answer.json()["transfer"] == "basic"
    (item,) = answer.json()["objects"]
    assert (item["oid"], item["size"]) == (sha256(data), len(data))
    upload = item["actions"]["upload"]
    assert upload["href"].startswith(f"{site.url}/lfs/upload/")
    assert "header" not in upload  # clients take digits there for parts, and do not send the others
    assert site.http.put(upload["href"], content=data).status_code == 200
    assert "actions" not in site.batch(repository, [(sha256(data), len(data))]).json()["objects"][0]


def test_addresses_follow_the_host_that_was_asked(site: Site, repository: str, data: bytes) -> None:
    body = {"operation": "upload", "objects": [{"oid": sha256(data), "size": len(data)}]}
    answer = site.post(
        f"/{repository}.git/info/lfs/objects/batch", "alice", json=body, headers={"Host": "models.example:8443"}
    )
    assert answer.json()["objects"][0]["actions"]["upload"]["href"].startswith("http://models.example:8443/lfs/")


@pytest.mark.parametrize("kind", ["datasets", "spaces"])
def test_datasets_and_spaces_have_a_prefix(site: Site, data: bytes, kind: str) -> None:
    site.post("/api/repos/create", "alice", json={"name": f"of-{kind}", "type": kind[:-1]}).raise_for_status()
    body = {"operation": "upload", "objects": [{"oid": sha256(data), "size": len(data)}]}
    assert site.post(f"/{kind}/alice/of-{kind}.git/info/lfs/objects/batch", "alice", json=body).status_code == 200
    assert site.post(f"/alice/of-{kind}.git/info/lfs/objects/batch", "alice", json=body).status_code == 404


def test_xet_is_said_where_it_is_offered_and_only_there(site: Site, repository: str, data: bytes) -> None:
    for transfers, expected in ((["basic", "multipart", "xet"], "xet"), (["basic"], "basic"), (None, "basic")):
        body = {"operation": "upload", "transfers": transfers, "objects": [{"oid": sha256(data), "size": len(data)}]}
        answer = site.post(f"/{repository}.git/info/lfs/objects/batch", "alice", json=body).json()
        assert answer["transfer"] == expected
        assert (answer["objects"][0]["oid"], answer["objects"][0]["size"]) == (sha256(data), len(data))


def test_downloads_go_through_resolve(site: Site, repository: str) -> None:
    answer = site.post(f"/{repository}.git/info/lfs/objects/batch", "alice", json={"operation": "download"})
    assert answer.status_code == 501


def test_there_is_a_largest_number_of_objects(site: Site, repository: str) -> None:
    assert site.batch(repository, [("5" * 64, 1)] * 1000).status_code == 200
    assert site.batch(repository, [("5" * 64, 1)] * 1001).status_code == 400


def test_a_file_beyond_the_limit_is_refused_by_itself(tmp_path_factory: pytest.TempPathFactory) -> None:
    with new_site(tmp_path_factory.mktemp("small"), upload_limit=100) as site:
        repository = site.repository()
        small, large = site.batch(repository, [("5" * 64, 100), ("6" * 64, 101)]).json()["objects"]
        assert "actions" in small
        assert large["error"]["code"] == 422
        assert "100" in large["error"]["message"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"", 400), (b"x" * 999, 400), (b"x" * 1000, 400), (b"x" * 1001, 413), (b"x" * 300_000, 413)],
)
def test_other_bytes_than_announced_are_not_kept(
    site: Site, repository: str, data: bytes, sent: bytes, status: int
) -> None:
    (item,) = site.batch(repository, [(sha256(data), len(data))]).json()["objects"]
    spooled = site.spooled()
    packs = sorted(site.hub.services.objects.storage.list(""), key=lambda stat: stat.key)
    answer = site.http.put(item["actions"]["upload"]["href"], content=sent)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert site.link(repository, "a.bin", sha256(data), len(data)).status_code == 400
    assert site.spooled() == spooled
    assert sorted(site.hub.services.objects.storage.list(""), key=lambda stat: stat.key) == packs


@pytest.mark.parametrize("size", [999, 1001])
def test_the_size_that_was_announced_counts_too(site: Site, repository: str, data: bytes, size: int) -> None:
    (item,) = site.batch(repository, [(sha256(data), size)]).json()["objects"]
    assert site.http.put(item["actions"]["upload"]["href"], content=data).status_code == (413 if size < 1000 else 400)
    assert "actions" in site.batch(repository, [(sha256(data), len(data))]).json()["objects"][0]


def test_an_address_may_be_used_again(site: Site, repository: str, data: bytes) -> None:
    (item,) = site.batch(repository, [(sha256(data), len(data))]).json()["objects"]
    for content, status in ((b"wrong", 400), (data, 200), (data, 200)):
        assert site.http.put(item["actions"]["upload"]["href"], content=content).status_code == status


def test_an_empty_object_may_be_sent(site: Site, repository: str) -> None:
    digest = site.send_lfs(repository, b"")
    assert site.link(repository, "empty.bin", digest, 0).status_code == 200
    assert site.resolve(repository, "empty.bin").content == b""


# In parts


def test_a_large_object_is_sent_in_parts(site: Site, repository: str) -> None:
    size = (5 << 30) + 1
    (item,) = site.batch(repository, [("5" * 64, size)]).json()["objects"]
    header = item["actions"]["upload"]["header"]
    parts = [value for key, value in header.items() if key.isdigit()]
    assert len(parts) == -(-size // int(header["chunk_size"])) == len(set(parts))
    assert all(part.startswith(f"{site.url}/lfs/parts/") for part in parts)


def test_the_largest_object_has_ten_thousand_parts(site: Site, repository: str) -> None:
    (item,) = site.batch(repository, [("5" * 64, 1 << 40)]).json()["objects"]
    parts = [key for key in item["actions"]["upload"]["header"] if key.isdigit()]
    assert len(parts) <= 10_000


class Parts:
    """An upload in parts of 100 bytes, as the hub would have announced it."""

    def __init__(self, site: Site, data: bytes, size: int | None = None) -> None:
        claim = {
            "user": "alice",
            "id": self._id(site),
            "oid": sha256(data),
            "size": len(data) if size is None else size,
        }
        claim |= {"part": 100, "upload": secrets.token_hex(16)}
        signed = signing.sign(site.hub.secret, lfs.PARTS, claim, site.clock.now + 60)
        self.site, self.data, self.href = site, data, f"{site.url}/lfs/parts/{signed}"

    def _id(self, site: Site) -> int:
        return int(site.get("/api/whoami-v2", "alice").json()["id"], 16)

    def put(self, number: int, content: bytes | None = None) -> int:
        part = self.data[100 * (number - 1) : 100 * number] if content is None else content
        answer = self.site.http.put(f"{self.href}/{number}", content=part)
        assert answer.status_code != 200 or answer.headers["ETag"].strip('"')
        return answer.status_code

    def complete(self, oid: str | None = None) -> int:
        parts = [{"partNumber": 1, "etag": "x"}]
        answer = self.site.http.post(self.href, json={"oid": oid or sha256(self.data), "parts": parts})
        return answer.status_code


def test_parts_may_come_in_any_order_and_again(site: Site, repository: str) -> None:
    before = site.spooled()
    parts = Parts(site, secrets.token_bytes(350))
    assert [parts.put(number) for number in (4, 2, 1, 3, 2)] == [200] * 5
    assert parts.put(2, b"w" * 100) == 200
    assert parts.put(2) == 200
    assert parts.complete() == 200
    assert site.spooled() == before
    assert site.link(repository, "parts.bin", sha256(parts.data), 350).status_code == 200
    assert site.resolve(repository, "parts.bin").content == parts.data


def test_a_part_that_is_missing_is_told(site: Site) -> None:
    parts = Parts(site, secrets.token_bytes(250))
    assert (parts.put(1), parts.put(3)) == (200, 200)
    answer = site.http.post(parts.href, json={"oid": sha256(parts.data)})
    assert answer.status_code == 400
    assert "part-2" in answer.json()["error"]
    assert (parts.put(2), parts.complete()) == (200, 200)


def test_a_part_has_its_number_and_its_size(site: Site) -> None:
    parts = Parts(site, secrets.token_bytes(250))
    assert parts.put(1, b"x" * 101) == 413
    assert [parts.put(number, b"") for number in (0, 4, 10**9)] == [404] * 3
    assert parts.put(1) == 200


def test_parts_that_make_something_else_are_not_kept(site: Site) -> None:
    for wrong in (b"w" * 50, b"w" * 49):
        before = site.spooled()
        parts = Parts(site, secrets.token_bytes(150))
        assert (parts.put(1), parts.put(2, wrong)) == (200, 200)
        assert parts.complete() == 400
        assert site.spooled() == before
        assert site.link(site.repository(), "a.bin", sha256(parts.data), 150).status_code == 400


def test_the_end_names_the_object(site: Site) -> None:
    parts = Parts(site, secrets.token_bytes(50))
    assert parts.put(1) == 200
    assert parts.complete("7" * 64) == 400
    for body in (b"", b"[]", b"{}", b"x", b'{"oid": 5}'):
        assert site.http.post(parts.href, content=body).status_code == 400
    assert parts.complete() == 200
    assert parts.complete() == 400  # its parts are gone


def test_parts_of_abandoned_uploads_go_when_another_begins(own_site: Site) -> None:
    old, new = Parts(own_site, secrets.token_bytes(50)), Parts(own_site, secrets.token_bytes(50))
    assert old.put(1) == 200
    (folder,) = own_site.hub.spool.glob("parts-*")
    os.utime(folder, (0, 0))
    assert new.put(1) == 200
    assert not folder.exists()
    assert new.complete() == 200
