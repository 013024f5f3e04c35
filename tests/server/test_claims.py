"""Signed addresses and tokens: good for one thing, for one person, for a while."""

import base64
import json
import secrets

import httpx
import pytest
import sqlalchemy as sa

from tukar.catalog import tables
from tukar.errors import Refused
from tukar.server import lfs, signing
from tukar.testing.xet import MadeXorb, made_file, made_shard
from tukar.xet import XetHash

from .site import Site, Xet

SECRET = b"s" * 32


def tampered(signed: str, **changes: object) -> str:
    """A claim with other values, under the signature of the first."""
    payload, _, mac = signed.partition(".")
    claim = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    changed = json.dumps({**claim, **changes}, separators=(",", ":")).encode()
    return f"{base64.urlsafe_b64encode(changed).rstrip(b'=').decode()}.{mac}"


def claim_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


# Signing itself


def test_a_claim_comes_back_until_it_expires() -> None:
    signed = signing.sign(SECRET, "use", {"who": "é"}, 100.9)
    assert signing.verify(SECRET, "use", signed, 100.0)["who"] == "é"
    with pytest.raises(Refused, match="expired"):
        signing.verify(SECRET, "use", signed, 101.0)


def test_a_claim_serves_its_purpose_and_no_other() -> None:
    signed = signing.sign(SECRET, "use", {"for": "other", "exp": 10**12}, 100)
    with pytest.raises(Refused):
        signing.verify(SECRET, "other", signed, 0)
    with pytest.raises(Refused):
        signing.verify(SECRET, "use", signed, 1000)


@pytest.mark.parametrize("signed", ["", ".", "a.b", "é.é", "e30.e30", "=", "e30", "\x00", "e30=.e30=", "a" * 100_000])
def test_anything_else_is_refused(signed: str) -> None:
    with pytest.raises(Refused):
        signing.verify(SECRET, "use", signed, 0)


def test_every_bit_of_a_claim_counts() -> None:
    signed = signing.sign(SECRET, "use", {"id": 1}, 100)
    for at in range(len(signed)):
        other = signed[:at] + ("A" if signed[at] != "A" else "B") + signed[at + 1 :]
        try:
            found = signing.verify(SECRET, "use", other, 0)
        except Refused:
            continue
        assert found == signing.verify(SECRET, "use", signed, 0)  # the last digit of base64 has bits that say nothing
    with pytest.raises(Refused):
        signing.verify(b"t" * 32, "use", signed, 0)


# Addresses of chunks


@pytest.fixture(scope="module")
def made() -> MadeXorb:
    return MadeXorb((b"first" * 400, b"second" * 400))


@pytest.fixture(scope="module")
def repository(site: Site, made: MadeXorb) -> str:
    name = site.repository()
    site.push_xet(name, "first.bin", made.run(0, 1))
    site.push_xet(name, "second.bin", made.run(1, 2))
    return name


@pytest.fixture
def address(site: Site, repository: str, made: MadeXorb) -> tuple[str, str]:
    return site.xet("read", repository, None).first_url(made_file(made.run(0, 1)).hash)


@pytest.mark.parametrize("changes", [{"start": 1, "stop": 2}, {"stop": 2}, {"xorb": "5" * 64}, {"exp": 10**12}, {}])
def test_an_altered_address_serves_nothing(
    site: Site, address: tuple[str, str], changes: dict[str, object], made: MadeXorb
) -> None:
    url, span = address
    broken = url.replace(claim_of(url), tampered(claim_of(url), **changes)) if changes else url[:-2]
    refused = site.http.get(broken, headers={"Range": span})
    assert refused.status_code == 403
    assert made.chunks[0] not in refused.content


def test_an_address_serves_one_run_of_chunks(site: Site, address: tuple[str, str], made: MadeXorb) -> None:
    url, span = address
    assert site.http.get(url, headers={"Range": span}).content == MadeXorb(made.chunks[:1]).body
    inner = site.http.get(url, headers={"Range": "bytes=8-12"})
    assert (inner.status_code, inner.content) == (206, b"first")
    begin = made.table.offset(1)
    refused = site.http.get(url, headers={"Range": f"bytes={begin}-{begin + 20}"})
    assert refused.status_code == 403
    assert b"second" not in refused.content


def test_an_address_expires(site: Site, address: tuple[str, str]) -> None:
    url, span = address
    site.clock.now += 3599
    assert site.http.get(url, headers={"Range": span}).status_code == 206
    site.clock.now += 2
    assert site.http.get(url, headers={"Range": span}).status_code == 403


# Tokens of the Xet service


@pytest.fixture
def tokens(site: Site, repository: str) -> dict[str, str]:
    """One claim of every kind."""
    reader, writer = site.xet("read", repository, "alice"), site.xet("write", repository, "alice")
    found = site.entry(repository, "first.bin")["xetHash"]
    item = site.batch(repository, [("7" * 64, 10)]).json()["objects"][0]
    return {
        "read": reader.token,
        "write": writer.token,
        "xorb": claim_of(reader.first_url(found)[0]),
        "upload": claim_of(item["actions"]["upload"]["href"]),
        "hub": site.tokens["alice"],
        "none": "",
    }


def uses(site: Site, xet: Xet, made: MadeXorb) -> dict[str, httpx.Response]:
    """What each use of a claim answers."""
    claim = xet.token or "none"
    found = made_file(made.run(0, 1)).hash
    return {
        "reconstruction": xet.reconstruction(found),
        "xorb upload": xet.post_xorb(made),
        "shard": xet.post_shard(made_shard(made_file(made.run()))),
        "shard v2": xet.post_shard(made_shard(made_file(made.run())), "v2"),
        "xorb download": site.http.get(f"/xet/xorbs/{claim}", headers={"Range": "bytes=0-5"}),
        "LFS": site.http.put(f"/lfs/upload/{claim}", content=b"x"),
        "LFS part": site.http.put(f"/lfs/parts/{claim}/1", content=b"x"),
        "LFS end": site.http.post(f"/lfs/parts/{claim}", json={"oid": "7" * 64}),
        "hub": site.get("/api/whoami-v2", headers=xet.headers),
    }


@pytest.mark.parametrize(
    ("kind", "allowed"),
    [
        ("read", {"reconstruction"}),
        ("write", {"xorb upload", "shard", "shard v2"}),
        ("xorb", {"xorb download"}),
        ("upload", {"LFS"}),
        ("hub", {"hub"}),
        ("none", set()),
    ],
)
def test_a_claim_of_one_kind_serves_no_other_use(
    site: Site, repository: str, tokens: dict[str, str], made: MadeXorb, kind: str, allowed: set[str]
) -> None:
    xet = Xet(site.http, site.xet("write", repository, "alice").url, tokens[kind])
    for use, answer in uses(site, xet, made).items():
        assert (answer.status_code in (401, 403)) == (use not in allowed), f"{kind} for {use}: {answer.status_code}"


@pytest.mark.parametrize("kind", ["read", "write"])
def test_a_token_expires(site: Site, repository: str, made: MadeXorb, kind: str) -> None:
    xet = site.xet(kind, repository, "alice")

    def answer() -> int:
        found = made_file(made.run(0, 1)).hash
        return xet.reconstruction(found).status_code if kind == "read" else xet.post_xorb(made).status_code

    site.clock.now += 3599
    assert answer() == 200
    site.clock.now += 2
    assert answer() == 401


def test_the_expiry_that_is_told_is_the_real_one(site: Site, repository: str) -> None:
    answer = site.get(f"/api/models/{repository}/xet-read-token/main")
    assert isinstance(answer.json()["exp"], int)
    assert answer.headers["X-Xet-Token-Expiration"] == str(answer.json()["exp"])
    xet = Xet(site.http, answer.json()["casUrl"], answer.json()["accessToken"])
    unknown = XetHash.parse("5" * 64)
    site.clock.now = answer.json()["exp"]
    assert xet.reconstruction(unknown).status_code == 404
    site.clock.now += 1
    assert xet.reconstruction(unknown).status_code == 401


@pytest.mark.parametrize("changes", [{"exp": 10**12}, {"id": 1}, {"user": "admin"}, {"for": "xet-read"}])
def test_an_altered_token_opens_nothing(
    site: Site, repository: str, made: MadeXorb, changes: dict[str, object]
) -> None:
    xet = site.xet("write", repository, "alice")
    xet.token = tampered(xet.token, **changes)
    assert xet.post_xorb(made).status_code == 401


def test_a_token_of_another_hub_opens_nothing(site: Site, repository: str, made: MadeXorb) -> None:
    xet = site.xet("write", repository, "alice")
    xet.token = signing.sign(secrets.token_bytes(32), "xet-write", {"user": "alice", "id": 2}, site.clock.now + 60)
    assert xet.post_xorb(made).status_code == 401


def test_a_token_outlives_a_change_of_epoch_and_a_new_one_names_it(own_site: Site, made: MadeXorb) -> None:
    site, repository = own_site, own_site.repository()
    old = site.xet("write", repository, "alice")
    assert old.post_shard(made_shard(made_file(made.run()))).status_code == 400  # names a xorb that is not here
    new = site.xet("write", repository, "alice")
    assert new.url != old.url
    assert old.post_xorb(made).status_code == 200
    assert site.xet("write", site.repository("bob"), "bob").url.split("/")[4] == old.url.split("/")[4]


# Repositories and people that come and go


def recreate(site: Site, repository: str, private: bool) -> None:
    name = repository.split("/")[1]
    site.call("DELETE", "/api/repos/delete", "alice", json={"name": name, "organization": "alice"}).raise_for_status()
    site.repository(private=private, name=name)


@pytest.mark.parametrize("who", [None, "bob", "alice"])
@pytest.mark.parametrize("private", [True, False])
def test_a_token_does_not_read_the_next_repository_of_that_name(site: Site, who: str | None, private: bool) -> None:
    made, repository = MadeXorb((secrets.token_bytes(500),)), site.repository()
    found = site.push_xet(repository, "a.bin", made.run())
    reader = site.xet("read", repository, who)
    assert reader.reconstruction(found).status_code == 200
    recreate(site, repository, private)
    site.push_xet(repository, "a.bin", made.run())
    answer = reader.reconstruction(found)
    assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "RepoNotFound")
    assert site.xet("read", repository, "alice").reconstruction(found).status_code == 200


def remove_user(site: Site, name: str) -> None:
    with site.hub.services.database.write() as tx:
        tx.execute(sa.delete(tables.users).where(tables.users.c.name == name))


def test_what_was_given_to_a_user_does_not_serve_the_next_of_that_name(own_site: Site) -> None:
    site, made = own_site, MadeXorb((secrets.token_bytes(500),))
    repository = site.repository("bob", private=True)
    found = site.push_xet(repository, "a.bin", made.run())
    reader, writer = site.xet("read", repository, "bob"), site.xet("write", repository, "bob")
    href = site.batch(repository, [("7" * 64, 10)]).json()["objects"][0]["actions"]["upload"]["href"]
    token = site.tokens["bob"]
    remove_user(site, "bob")
    for again in (False, True):
        if again:
            site.add_user("bob")
        assert reader.reconstruction(found).status_code == 401
        assert writer.post_xorb(made).status_code == 401
        assert site.http.put(href, content=b"x" * 10).status_code == 403
        assert site.get("/api/whoami-v2", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_revoked_token_ends_at_once(site: Site) -> None:
    made = site.post("/api/tukar/users/bob/tokens", "bob", json={"name": "gone", "role": "read"}).json()["token"]
    assert site.get("/api/whoami-v2", headers={"Authorization": f"Bearer {made}"}).status_code == 200
    site.call("DELETE", "/api/tukar/users/bob/tokens/gone", "bob").raise_for_status()
    assert site.get("/api/whoami-v2", headers={"Authorization": f"Bearer {made}"}).status_code == 401


# Tokens that only read


def test_a_token_that_reads_changes_nothing(site: Site, repository: str) -> None:
    header = json.dumps({"key": "header", "value": {"summary": "x"}}).encode()
    oid = {"operation": "upload", "objects": [{"oid": "7" * 64, "size": 1}]}
    calls: list[tuple[str, str, dict[str, object]]] = [
        ("POST", "/api/repos/create", {"json": {"name": "new"}}),
        ("DELETE", "/api/repos/delete", {"json": {"name": repository.split("/")[1]}}),
        ("POST", f"/api/models/{repository}/preupload/main", {"json": {"files": []}}),
        ("POST", f"/api/models/{repository}/commit/main", {"content": header}),
        ("POST", f"/{repository}.git/info/lfs/objects/batch", {"json": oid}),
        ("GET", f"/api/models/{repository}/xet-write-token/main", {}),
        ("GET", f"/api/models/{repository}/auth-check/write", {}),
        ("POST", "/api/tukar/users/alice/tokens", {"json": {"name": "x", "role": "write"}}),
        ("DELETE", "/api/tukar/users/alice/tokens/write-1", {}),
        ("POST", "/api/tukar/users", {"json": {"name": "eve"}}),
        ("DELETE", "/api/tukar/users/alice", {}),
        ("POST", "/api/tukar/jobs", {"json": {"kind": "gc"}}),
    ]
    for method, address, arguments in calls:
        for who in ("alice reads", "bob", "admin reads"):
            if who == "bob" and address == "/api/repos/create":
                continue  # he may, in his own namespace
            answer = site.call(method, address, who, **arguments)
            expected = 404 if "repos/delete" in address and who != "alice reads" else 403
            assert answer.status_code == expected, f"{who}: {method} {address}"
        anonymous = site.call(method, address, None, **arguments)
        assert anonymous.status_code in (401, 403), f"{method} {address}"
    assert site.get(f"/api/models/{repository}").status_code == 200


def test_parts_of_an_upload_are_for_its_upload_alone(site: Site, repository: str) -> None:
    def address(upload: str, oid: str = "7" * 64) -> str:
        claim = {"user": "alice", "id": 2, "oid": oid, "size": 8, "part": 4, "upload": upload}
        return f"/lfs/parts/{signing.sign(site.hub.secret, lfs.PARTS, claim, site.clock.now + 60)}"

    for number in (1, 2):
        assert site.http.put(f"{address('a' * 32)}/{number}", content=b"1234").status_code == 200
    assert site.http.post(address("b" * 32), json={"oid": "7" * 64}).status_code == 400
    assert site.http.post(address("a" * 32), json={"oid": "8" * 64}).status_code == 400
