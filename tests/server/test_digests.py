"""A digest is no right: bob, who may write to his own repositories, names alice's bytes and gets none of them.

Whatever alice's digests answer, digests that nobody ever sent answer the same.
"""

import hashlib
import secrets

import httpx
import pytest

from tukar.testing.models import tiny_safetensors
from tukar.testing.xet import MadeXorb, made_file, made_shard
from tukar.usecases.collect import collect
from tukar.xet import XetHash

from .pushes import Push, frames, model
from .site import Site, lfs_file

UNKNOWN = "5" * 64


def noise(size: int = 3000) -> bytes:
    return secrets.token_bytes(size)


def same(one: httpx.Response, other: httpx.Response, *names: tuple[str, str]) -> bool:
    """Whether two answers differ in nothing but the names that were asked for."""

    def seen(response: httpx.Response, side: int) -> tuple[object, ...]:
        def plain(text: str) -> str:
            for pair in names:
                text = text.replace(pair[side], "NAME")
            return text

        headers = {
            key: plain(value) for key, value in response.headers.items() if key not in ("date", "content-length")
        }
        return response.status_code, headers, plain(response.text)

    return seen(one, 0) == seen(other, 1)


def new_secret(site: Site) -> bytes:
    """The content of a private file of alice's, sent through LFS."""
    data = noise()
    site.push_lfs(site.repository(private=True), "secret.bin", data)
    return data


def new_xorb(site: Site) -> MadeXorb:
    """A xorb of alice's, which is a private file of hers."""
    made = MadeXorb((noise(), noise(2000)))
    site.push_xet(site.repository(private=True), "secret.bin", made.run())
    return made


@pytest.fixture(scope="module")
def secret(site: Site) -> bytes:
    """One whose bytes nobody else sends."""
    return new_secret(site)


@pytest.fixture(scope="module")
def xorb(site: Site) -> MadeXorb:
    """One that nobody else sends."""
    return new_xorb(site)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# LFS


def test_lfs_asks_for_what_others_have(site: Site, secret: bytes) -> None:
    target = site.repository("bob")
    answer = site.batch(target, [(sha256(secret), len(secret)), (UNKNOWN, len(secret))])
    known, unknown = answer.json()["objects"]
    assert known.keys() == unknown.keys()
    assert known["actions"].keys() == unknown["actions"].keys() == {"upload"}
    assert known["actions"]["upload"].keys() == unknown["actions"]["upload"].keys()
    assert len(known["actions"]["upload"]["href"]) == len(unknown["actions"]["upload"]["href"])


def test_lfs_does_not_tell_the_size_of_what_others_have(site: Site, secret: bytes) -> None:
    target = site.repository("bob")
    answer = site.batch(target, [(sha256(secret), 1), (UNKNOWN, 1)])
    known, unknown = answer.json()["objects"]
    assert (known["size"], known.keys()) == (unknown["size"], unknown.keys())


def test_lfs_asks_even_the_sender_of_a_part_for_the_whole(site: Site, secret: bytes) -> None:
    target = site.repository("bob")
    href = site.batch(target, [(sha256(secret), len(secret))]).json()["objects"][0]["actions"]["upload"]["href"]
    refused = site.http.put(href, content=noise(len(secret)))
    assert refused.status_code == 400
    assert site.link(target, "stolen.bin", sha256(secret), len(secret)).status_code == 400
    unknown = site.batch(target, [(UNKNOWN, len(secret))]).json()["objects"][0]["actions"]["upload"]["href"]
    content = noise(len(secret))
    one, other = (site.http.put(address, content=content) for address in (href, unknown))
    assert same(one, other, (sha256(secret), UNKNOWN))


def test_who_sends_the_bytes_may_link_them(site: Site) -> None:
    secret = new_secret(site)
    target = site.repository("bob")
    site.send_lfs(target, secret)
    assert site.link(target, "mine.bin", sha256(secret), len(secret)).status_code == 200
    assert site.resolve(target, "mine.bin", "bob").content == secret


# Commits


def test_a_commit_cannot_name_what_others_have(site: Site, secret: bytes) -> None:
    target = site.repository("bob")
    known = site.link(target, "a.bin", sha256(secret), len(secret))
    unknown = site.link(target, "a.bin", UNKNOWN, len(secret))
    assert known.status_code == 400
    assert same(known, unknown, (sha256(secret), UNKNOWN))
    assert site.resolve(target, "a.bin", "bob").status_code == 404


def test_a_commit_does_not_tell_the_size_of_what_others_have(site: Site, secret: bytes) -> None:
    target = site.repository("bob")
    answers = [site.link(target, "a.bin", sha256(secret), size) for size in (0, len(secret), 1 << 40)]
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1


def test_nothing_of_a_commit_stands_if_one_file_is_not_the_senders(site: Site, secret: bytes) -> None:
    target = site.repository("bob")
    mine = site.send_lfs(target, b"mine")
    operations = [lfs_file("mine.bin", mine, 4), lfs_file("stolen.bin", sha256(secret), len(secret))]
    assert site.commit(target, operations).status_code == 400
    assert site.resolve(target, "mine.bin", "bob").status_code == 404


def test_a_card_is_not_read_from_what_others_have(site: Site) -> None:
    card = b"---\nlicense: secret-licence\n---\n"
    site.push_lfs(site.repository(private=True), "README.md", card)
    target = site.repository("bob")
    assert site.link(target, "README.md", sha256(card), len(card)).status_code == 400
    assert site.get(f"/api/models/{target}").json()["cardData"] is None


def test_a_file_of_a_public_repository_may_be_linked(site: Site) -> None:
    data = noise()
    site.push_lfs(site.repository(), "open.bin", data)
    target = site.repository("bob")
    assert site.link(target, "open.bin", sha256(data), len(data)).status_code == 200


def test_preupload_knows_only_the_repository_it_is_asked_for(site: Site, secret: bytes) -> None:
    target = site.repository("bob")
    files = [{"path": name, "size": len(secret), "sample": ""} for name in ("secret.bin", "other.bin")]
    answer = site.post(f"/api/models/{target}/preupload/main", "bob", json={"files": files}).json()["files"]
    assert [item["oid"] for item in answer] == [None, None]


# Xet uploads


def test_a_shard_cannot_name_a_xorb_of_others(site: Site, xorb: MadeXorb) -> None:
    bob = site.xet("write", site.repository("bob"), "bob")
    known = bob.post_shard(made_shard(made_file(xorb.run())))
    unknown = bob.post_shard(made_shard(made_file(MadeXorb((noise(),)).run())))
    assert known.status_code == 400
    assert same(known, unknown)
    known, unknown = (bob.post_shard(made_shard(made_file(made.run())), "v2") for made in (xorb, MadeXorb((noise(),))))
    assert '"error"' in known.text
    assert known.text.splitlines()[-1] == unknown.text.splitlines()[-1]


def test_a_shard_cannot_mix_ones_own_xorb_with_others(site: Site, xorb: MadeXorb) -> None:
    bob = site.xet("write", site.repository("bob"), "bob")
    mine = MadeXorb((noise(),))
    bob.post_xorb(mine).raise_for_status()
    assert bob.post_shard(made_shard(made_file(mine.run(), xorb.run(0, 1)))).status_code == 400


def test_a_shard_cannot_claim_anothers_digests_for_ones_own_bytes(site: Site, xorb: MadeXorb) -> None:
    target = site.repository("bob")
    bob = site.xet("write", target, "bob")
    mine = MadeXorb((noise(),))
    bob.post_xorb(mine).raise_for_status()
    theirs, own = made_file(xorb.run()), made_file(mine.run())
    for file in (
        type(own)(theirs.hash, own.terms, own.verification, theirs.sha256),
        type(own)(own.hash, own.terms, own.verification, theirs.sha256),
        type(own)(theirs.hash, own.terms, own.verification, own.sha256),
    ):
        assert bob.post_shard(made_shard(file)).status_code == 400
    assert theirs.sha256 is not None
    assert site.link(target, "stolen.bin", theirs.sha256, theirs.size).status_code == 400


def test_a_wrong_sha256_answers_alike_for_what_is_here_and_what_is_not(site: Site, secret: bytes) -> None:
    bob = site.xet("write", site.repository("bob"), "bob")
    mine = MadeXorb((noise(),))
    bob.post_xorb(mine).raise_for_status()
    own = made_file(mine.run())
    known, unknown = (
        bob.post_shard(made_shard(type(own)(own.hash, own.terms, own.verification, digest)))
        for digest in (sha256(secret), UNKNOWN)
    )
    assert known.status_code == 400
    assert same(known, unknown, (sha256(secret), UNKNOWN))


def test_who_sends_the_same_xorb_has_it(site: Site) -> None:
    xorb = new_xorb(site)
    target = site.repository("bob")
    found = site.push_xet(target, "mine.bin", xorb.run())
    assert site.resolve(target, "mine.bin", "bob").content == xorb.run().data
    assert site.xet("read", target, "bob").reconstruction(found).status_code == 200


def test_a_xorb_is_new_to_everyone_who_sends_it(site: Site) -> None:
    xorb = new_xorb(site)
    bob = site.xet("write", site.repository("bob"), "bob")
    known, unknown = bob.post_xorb(xorb), bob.post_xorb(MadeXorb((noise(), noise(2000))))
    assert known.json() == {"was_inserted": True}
    assert same(known, unknown)
    assert bob.post_xorb(xorb).json() == {"was_inserted": False}


def test_a_staged_xorb_of_others_is_new_too(site: Site) -> None:
    staged = MadeXorb((noise(),))
    for who in ("alice", "bob"):
        writer = site.xet("write", site.repository(who), who)
        assert writer.post_xorb(staged).json() == {"was_inserted": True}


@pytest.mark.parametrize("call", ["v1/chunks/default/{}", "v1/xorb-grants/default/{}"])
def test_no_call_tells_what_chunks_and_xorbs_there_are(site: Site, xorb: MadeXorb, call: str) -> None:
    bob = site.xet("write", site.repository("bob"), "bob")
    method = "GET" if "chunks" in call else "POST"
    hashes = [str(xorb.hash), str(XetHash(xorb.table.hash_bytes(0, 1))), UNKNOWN]
    answers = [bob.http.request(method, f"{bob.url}/{call.format(each)}", headers=bob.headers) for each in hashes]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert len({answer.text for answer in answers}) == 1


# Xet downloads


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_file_of_another_repository_is_not_reconstructed(site: Site, xorb: MadeXorb, version: str) -> None:
    reader = site.xet("read", site.repository("bob"), "bob")
    known = reader.reconstruction(made_file(xorb.run()).hash, version)
    unknown = reader.reconstruction(XetHash.parse(UNKNOWN), version)
    assert known.status_code == 404
    assert same(known, unknown, (str(made_file(xorb.run()).hash), UNKNOWN))


@pytest.mark.parametrize("span", ["bytes=0-1", "bytes=999999999-", "nonsense"])
def test_a_range_makes_no_difference_to_that(site: Site, xorb: MadeXorb, span: str) -> None:
    reader = site.xet("read", site.repository("bob"), "bob")
    hashes = (made_file(xorb.run()).hash, XetHash.parse(UNKNOWN))
    known, unknown = (reader.reconstruction(each, span=span) for each in hashes)
    assert same(known, unknown, (str(hashes[0]), UNKNOWN))


def test_without_a_token_it_makes_no_difference_whether_a_file_is_there(site: Site, xorb: MadeXorb) -> None:
    reader = site.xet("read", site.repository("bob"), "bob")
    reader.token = ""
    answers = [reader.reconstruction(each) for each in (made_file(xorb.run()).hash, XetHash.parse(UNKNOWN))]
    assert answers[0].status_code == 401
    assert same(*answers)


def test_one_repositorys_token_does_not_read_another_of_the_same_owner(site: Site) -> None:
    made = MadeXorb((noise(),))
    found = site.push_xet(site.repository(private=True), "a.bin", made.run())
    other = site.xet("read", site.repository(), "alice")
    assert other.reconstruction(found).status_code == 404


def test_a_reader_gets_only_the_chunks_of_what_they_may_read(site: Site) -> None:
    """A xorb holds chunks of a private and of a public file, next to each other."""
    made = MadeXorb((b"private" * 400, b"public" * 400, b"secret" * 400))
    site.push_xet(site.repository(private=True), "private.bin", made.run())
    public = site.repository()
    found = site.push_xet(public, "public.bin", made.run(1, 2))
    url, span = site.xet("read", public, None).first_url(found)
    served = site.http.get(url, headers={"Range": span})
    assert served.status_code == 206
    assert made.chunks[1] in served.content
    first, last = (int(part) for part in span.removeprefix("bytes=").split("-"))
    size = made.table.size
    for start, stop in ((first - 1, last), (first, last + 1), (0, size - 1), (0, first - 1), (last + 1, size - 1)):
        refused = site.http.get(url, headers={"Range": f"bytes={start}-{stop}"})
        assert refused.status_code == 403
        assert b"private" not in refused.content
    for span in ("", f"bytes={first}-", "bytes=-10", f"bytes={size}-{size + 5}", f"bytes={first}-{last},0-5", "x"):
        assert site.http.get(url, headers={"Range": span}).status_code == 403


def test_a_signed_address_does_not_tell_how_long_the_xorb_is(site: Site) -> None:
    made = MadeXorb((b"public" * 400, b"secret" * 400))
    site.push_xet(site.repository(private=True), "private.bin", made.run())
    public = site.repository()
    found = site.push_xet(public, "public.bin", made.run(0, 1))
    url, span = site.xet("read", public, None).first_url(found)
    served = site.http.get(url, headers={"Range": span})
    assert str(made.table.size) not in str(served.headers)
    refused = site.http.get(url, headers={"Range": f"bytes={made.table.size}-"})
    assert str(made.table.size) not in str(refused.headers) + refused.text


def test_the_chunks_of_another_file_of_the_same_bytes_are_not_named(site: Site) -> None:
    """Alice's and bob's files are the same; alice's came in a xorb together with more."""
    shared, more = noise(), noise()
    private = site.repository(private=True)
    hers = MadeXorb((more, shared))
    site.push_xet(private, "shared.bin", hers.run(1, 2))
    his = MadeXorb((shared,))
    target = site.repository("bob")
    found = site.push_xet(target, "shared.bin", his.run())
    answer = site.xet("read", target, "bob").reconstruction(found).json()
    assert list(answer["xorbs"]) == [str(his.hash)]
    assert answer["terms"][0]["range"] == {"start": 0, "end": 1}


def test_a_file_does_not_show_that_others_sent_it_through_xet(site: Site) -> None:
    xorb = new_xorb(site)
    data, target = xorb.run().data, site.repository("bob")
    site.push_lfs(target, "mine.bin", data)
    found = made_file(xorb.run()).hash
    assert "xetHash" not in site.entry(target, "mine.bin", "bob")
    assert "X-Xet-Hash" not in site.resolve(target, "mine.bin", "bob").headers
    assert site.xet("read", target, "bob").reconstruction(found).status_code == 404
    site.push_xet(target, "mine.bin", xorb.run())
    assert site.entry(target, "mine.bin", "bob")["xetHash"] == str(found)


# Sizes


def test_sizes_do_not_tell_what_a_file_shares_with_what_one_may_not_read(site: Site) -> None:
    secret = new_secret(site)
    public = site.repository("bob")
    site.push_lfs(public, "mine.bin", secret)
    site.push_lfs(public, "other.bin", noise(len(secret)))
    site.push_lfs(site.repository(private=True), "again.bin", secret)
    rows = site.get(f"/api/tukar/models/{public}/sizes/main", "bob").json()["files"]
    assert [row["shared_bytes"] for row in rows] == [0, 0]
    assert rows[0]["stored_bytes"] == rows[1]["stored_bytes"] > 0


def test_sizes_of_tensors_that_are_shared(site: Site) -> None:
    """Two different files with a tensor in common: told only where both may be read."""
    one, other = (tiny_safetensors(metadata={"made": name}, seed=77) for name in ("one", "other"))
    site.push_lfs(site.repository(private=True), "model.safetensors", one)
    public = site.repository("bob")
    site.push_lfs(public, "model.safetensors", other)

    def shared(who: str | None) -> int:
        (row,) = site.get(f"/api/tukar/models/{public}/sizes/main", who).json()["files"]
        return int(row["shared_bytes"])

    assert [shared(who) for who in (None, "bob", "admin reads")] == [0, 0, 0]
    assert shared("alice") == shared("admin") > 0


# What is gone


def test_what_gc_freed_is_out_of_reach_by_what_was_given_before(own_site: Site) -> None:
    site, made = own_site, MadeXorb((noise(),))
    repository = site.repository()
    found = site.push_xet(repository, "a.bin", made.run())
    reader = site.xet("read", repository, None)
    url, span = reader.first_url(found)
    site.call("DELETE", "/api/repos/delete", "alice", json={"name": repository.split("/")[1], "organization": "alice"})
    assert reader.reconstruction(found).status_code == 404
    collect(site.hub.services, grace=0, upload_window=0)
    assert site.http.get(url, headers={"Range": span}).status_code == 404
    target = site.repository()
    writer = site.xet("write", target, "alice")
    assert writer.post_shard(made_shard(made_file(made.run()))).status_code == 400
    assert "actions" in site.batch(target, [(sha256(made.run().data), 3000)]).json()["objects"][0]


def test_who_sent_bytes_long_ago_does_not_learn_whether_others_have_them(own_site: Site) -> None:
    site, data = own_site, noise()
    site.push_lfs(site.repository(private=True), "hers.bin", data)
    target = site.repository("bob")
    site.send_lfs(target, data)
    assert "actions" not in site.batch(target, [(sha256(data), len(data))]).json()["objects"][0]
    site.clock.now += 1000
    collect(site.hub.services, grace=600, upload_window=300)
    assert "actions" in site.batch(target, [(sha256(data), len(data))]).json()["objects"][0]
    assert site.link(target, "his.bin", sha256(data), len(data)).status_code == 400


def test_what_was_committed_needs_no_upload_however_long_ago(own_site: Site) -> None:
    site, data = own_site, noise()
    mine = site.repository("bob", private=True)
    site.push_lfs(mine, "a.bin", data)
    site.clock.now += 1000
    collect(site.hub.services, grace=0, upload_window=0)
    assert "actions" not in site.batch(site.repository("bob"), [(sha256(data), len(data))]).json()["objects"][0]


# Objects


def manifest_of(site: Site, repository: str, path: str) -> str:
    found = site.get(f"/api/models/{repository}/objects/files/main", "alice").json()
    return str(next(item["manifest"] for item in found if item["path"] == path))


@pytest.fixture
def known(site: Site) -> Push:
    """A push of bob's of what is a private file of alice's, of which he knows every digest."""
    data = model()
    site.push_lfs(site.repository(private=True), "secret.bin", data)
    return Push(site, site.repository("bob"), data)


@pytest.fixture
def unknown(site: Site, known: Push) -> Push:
    """The same of what nobody ever sent."""
    return Push(site, known.repository, noise())


def objects_of(push: Push, wanted: list[str], who: str | None = "bob") -> httpx.Response:
    return push.site.post(f"/api/models/{push.repository}/objects/read", who, json={"objects": wanted})


def test_objects_of_others_are_missing(known: Push) -> None:
    assert known.missing() == known.digests
    assert [known.ask([digest]).json()["objects"] for digest in known.digests] == [[each] for each in known.digests]


def test_asking_again_makes_no_difference_to_that(site: Site, known: Push) -> None:
    """As if asking had made them the asker's."""
    for _ in range(3):
        assert known.missing() == known.digests
    assert known.make().status_code == 409
    assert site.link(known.repository, "stolen.bin", known.sha256, known.size).status_code == 400


def test_objects_of_others_are_not_read(site: Site, known: Push, unknown: Push) -> None:
    for one, other in zip(known.digests[:2], unknown.digests, strict=True):
        answers = objects_of(known, [one]), objects_of(known, [other])
        assert answers[0].status_code == 404
        assert same(*answers, (one, other))


def test_objects_are_read_only_of_the_repository_that_has_them(site: Site) -> None:
    """Alice may read both of hers; each gives what is in it."""
    data, other = noise(), site.repository()
    target = site.repository(private=True)
    site.push_lfs(target, "a.bin", data)
    digest = manifest_of(site, target, "a.bin")
    for who in ("alice", "bob", None):
        assert site.post(f"/api/models/{other}/objects/read", who, json={"objects": [digest]}).status_code == 404
    answer = site.post(f"/api/models/{target}/objects/read", "alice", json={"objects": [digest]})
    assert [str(frame.record.digest) for frame in frames(answer.content)] == [digest]


def test_one_object_of_others_among_ones_own_gives_nothing(site: Site, known: Push) -> None:
    mine = site.push_lfs(known.repository, "mine.bin", noise())
    assert mine
    own = site.get(f"/api/models/{known.repository}/objects/files/main").json()[0]["manifest"]
    assert objects_of(known, [own]).status_code == 200
    assert objects_of(known, [own, known.digests[1]]).status_code == 404


def test_where_a_stream_goes_on_makes_no_difference(known: Push, unknown: Push) -> None:
    start = {"record": "0" * 64, "stored": 10}
    address = f"/api/models/{known.repository}/objects/read"
    one, other = (
        known.site.post(address, "bob", json={"objects": [push.digests[1]], "start": start})
        for push in (known, unknown)
    )
    assert one.status_code == 404
    assert same(one, other, (known.digests[1], unknown.digests[1]))


def test_a_manifest_gives_no_right_to_its_parts(site: Site, known: Push, unknown: Push) -> None:
    """Bob knows the manifest byte for byte, and sends it, but not the bytes."""
    for push in (known, unknown):
        push.write(push.manifest).raise_for_status()
        assert push.missing() == push.digests[1:]
    one, other = known.make(), unknown.make()
    assert one.status_code == 409
    assert same(one, other)
    assert site.link(known.repository, "stolen.bin", known.sha256, known.size).status_code == 400
    assert objects_of(known, known.digests[:1]).status_code == 404


def test_all_parts_but_one_give_no_right_to_it(known: Push) -> None:
    known.write(*known.digests[:-1]).raise_for_status()
    assert known.missing() == known.digests[-1:]
    assert known.make().status_code == 409


def test_ones_own_parts_under_anothers_sha256_make_no_file(site: Site, known: Push) -> None:
    """Neither does it matter whether a file of that sha256 is here."""
    from tukar.types import Digest, Manifest, Part

    answers = []
    for claimed in (known.sha256, UNKNOWN):
        data = noise(known.size)
        lie = Manifest(claimed, len(data), "opaque", (Part(Digest.of(data), len(data)),))
        push = Push(site, known.repository, data, manifest=lie)
        push.write(*push.digests).raise_for_status()
        answer = push.make(sha256=claimed)
        answers.append((answer.status_code, answer.text.replace(claimed, "").replace(push.sha256, "")))
    assert answers[0] == answers[1]
    assert answers[0][0] == 400
    assert site.link(known.repository, "stolen.bin", known.sha256, known.size).status_code == 400


def test_who_sends_every_object_has_the_file(site: Site, known: Push) -> None:
    known.write(*known.digests).raise_for_status()
    known.make().raise_for_status()
    site.link(known.repository, "mine.bin", known.sha256, known.size).raise_for_status()
    assert sha256(site.resolve(known.repository, "mine.bin", "bob").content) == known.sha256


def test_what_one_repositorys_push_sent_is_not_anothers(site: Site, known: Push) -> None:
    """Nor another user's, whatever name they give their upload."""
    known.write(*known.digests).raise_for_status()
    elsewhere = known.address.replace(known.repository, site.repository("bob"))
    asked = {"objects": known.digests}
    assert site.post(f"{elsewhere}/missing", "bob", json=asked).json()["objects"] == known.digests
    assert site.post(f"{known.address}/missing", "alice", json=asked).status_code == 403


def test_a_repository_that_became_private_admits_to_nothing_more(site: Site) -> None:
    import sqlalchemy as sa

    from tukar.catalog import tables

    data = noise()
    public = site.repository()
    site.push_lfs(public, "a.bin", data)
    push = Push(site, site.repository("bob"), data)
    assert push.missing() == []
    with site.hub.services.database.write() as tx:
        mine = tables.repositories.c.name == public.split("/")[1]
        tx.execute(sa.update(tables.repositories).where(mine).values(private=True))
    later = Push(site, site.repository("bob"), data)
    assert later.missing() == later.digests


def test_files_are_listed_for_who_may_read_them(site: Site, secret: bytes) -> None:
    target = site.repository(private=True)
    for name in (target, "alice/nothing"):
        answer = site.get(f"/api/models/{name}/objects/files/main", "bob")
        assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "RepoNotFound")


@pytest.mark.parametrize("who", ["alice reads", None])
def test_a_token_that_only_reads_sends_nothing(site: Site, who: str | None) -> None:
    push = Push(site, site.repository(), noise(), who=who)
    push.who = who
    for answer in (push.ask(), push.write(*push.digests), push.make(), push.end()):
        assert answer.status_code in (401, 403)
