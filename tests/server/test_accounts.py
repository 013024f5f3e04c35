"""Who am I; making and deleting repositories; people and their tokens."""

import secrets

import pytest

from .site import Site


def test_who_am_i(site: Site) -> None:
    for who, name, role in (("alice", "alice", "write"), ("alice reads", "alice", "read"), ("admin", "admin", "write")):
        value = site.get("/api/whoami-v2", who).json()
        assert (value["type"], value["name"], value["fullname"], value["orgs"]) == ("user", name, name, [])
        assert value["auth"]["accessToken"]["role"] == role
        assert value["isAdmin"] is (who == "admin")
        assert value["auth"]["accessToken"]["displayName"]


def test_nobody(site: Site) -> None:
    answer = site.get("/api/whoami-v2")
    assert answer.status_code == 401
    assert answer.headers["X-Error-Message"]


# Repositories


@pytest.mark.parametrize(
    ("body", "private"),
    [
        ({"visibility": "private"}, True),
        ({"visibility": "public"}, False),
        ({"private": True}, True),
        ({"private": False}, False),
        ({"private": None, "visibility": None}, False),
        ({"lfsmultipartthresh": 5, "sdk": "gradio", "organization": None}, False),
    ],
)
def test_a_repository_is_made(site: Site, body: dict[str, object], private: bool) -> None:
    name = f"made-{secrets.token_hex(4)}"
    answer = site.post("/api/repos/create", "alice", json={"name": name} | body)
    assert answer.json()["url"] == f"{site.url}/alice/{name}"
    assert site.get(f"/api/models/alice/{name}", "alice").json()["private"] is private


@pytest.mark.parametrize("kind", ["dataset", "space"])
def test_a_repository_of_another_type(site: Site, kind: str) -> None:
    answer = site.post("/api/repos/create", "alice", json={"name": "typed", "type": kind})
    assert answer.json()["url"] == f"{site.url}/{kind}s/alice/typed"
    assert site.get(f"/api/{kind}s/alice/typed").status_code == 200
    assert site.get("/api/models/alice/typed").status_code == 404


def test_its_full_name_may_be_given_as_one(site: Site) -> None:
    assert site.post("/api/repos/create", "alice", json={"name": "alice/full"}).json()["name"] == "alice/full"


def test_one_that_is_there_is_named(site: Site) -> None:
    repository = site.repository()
    for name in (repository.split("/")[1], repository.split("/")[1].upper()):
        answer = site.post("/api/repos/create", "alice", json={"name": name})
        assert answer.status_code == 409
        assert answer.json()["url"] == f"{site.url}/{repository}"
        assert "another conflicting operation is in progress" not in answer.text
        assert answer.headers["X-Error-Message"]


def test_where_the_address_is_known_it_is_the_one(site: Site) -> None:
    answer = site.post("/api/repos/create", "alice", json={"name": "proxied"}, headers={"Host": "models.example"})
    assert answer.json()["url"] == "http://models.example/alice/proxied"


@pytest.mark.parametrize("who", ["alice reads", "bob", "bob reads", "admin reads"])
def test_who_may_not_make_it(site: Site, who: str) -> None:
    public = site.repository()
    for name in (public.split("/")[1], "new-one"):
        answer = site.post("/api/repos/create", who, json={"name": name, "organization": "alice"})
        assert answer.status_code == 403
        assert "alice" in answer.headers["X-Error-Message"]
    anonymous = site.post("/api/repos/create", json={"name": "new-one", "organization": "alice"})
    assert anonymous.status_code == 401


def test_an_administrator_makes_it_for_others(site: Site) -> None:
    answer = site.post("/api/repos/create", "admin", json={"name": "for-alice", "organization": "ALICE"})
    assert answer.json()["name"] == "alice/for-alice"
    assert site.commit("alice/for-alice", [], "alice").status_code == 200


@pytest.mark.parametrize("name", ["", "a b", "-a", "a--b", "../x", "x.git", "a" * 97, "a/b/c", "ä"])
def test_a_bad_name_is_refused(site: Site, name: str) -> None:
    assert site.post("/api/repos/create", "alice", json={"name": name}).status_code == 400


def test_a_repository_is_deleted(site: Site) -> None:
    repository = site.repository()
    name = repository.split("/")[1]
    body = {"name": name, "organization": None, "type": "model"}
    for who, status in (("bob", 404), ("alice reads", 403), ("alice", 200), ("alice", 404)):
        answer = site.call("DELETE", "/api/repos/delete", who, json=body)
        assert answer.status_code == status
        if status == 404:
            assert answer.headers["X-Error-Code"] == "RepoNotFound"
    assert site.get(f"/api/models/{repository}").status_code == 404
    assert site.repository(name=name) == repository
    assert site.get(f"/api/models/{repository}/tree/main").json() == []


def test_access_can_be_asked_for(site: Site) -> None:
    public, private = site.repository(), site.repository(private=True)
    expected = {
        "alice": (200, 200, 200, 200),
        "alice reads": (200, 403, 200, 403),
        "bob": (200, 403, 404, 404),
        None: (200, 403, 404, 404),
    }
    for who, statuses in expected.items():
        calls = [f"{name}/auth-check{suffix}" for name in (public, private) for suffix in ("", "/write")]
        assert tuple(site.get(f"/api/models/{call}", who).status_code for call in calls) == statuses


# People and tokens


def test_people(site: Site) -> None:
    answer = site.post("/api/tukar/users", "admin", json={"name": "carol"})
    assert (answer.json()["name"], answer.json()["admin"]) == ("carol", False)
    assert site.post("/api/tukar/users", "admin", json={"name": "Carol"}).status_code == 409
    assert {"admin", "alice", "bob", "carol"} <= {item["name"] for item in site.get("/api/tukar/users", "admin").json()}
    for name in ("api", "datasets", "a b", ""):
        assert site.post("/api/tukar/users", "admin", json={"name": name}).status_code == 400


def test_somebody_who_left(own_site: Site) -> None:
    site, repository = own_site, own_site.repository("bob")
    refused = site.call("DELETE", "/api/tukar/users/bob", "admin")
    assert refused.status_code == 409
    assert "'bob' owns 1 repository" in refused.headers["X-Error-Message"]
    body = {"name": repository.split("/")[1], "organization": "bob", "type": "model"}
    site.call("DELETE", "/api/repos/delete", "admin", json=body).raise_for_status()
    for who, status in ((None, 401), ("bob", 403), ("admin reads", 403), ("admin", 200), ("admin", 404)):
        assert site.call("DELETE", "/api/tukar/users/bob", who).status_code == status
    assert site.get("/api/whoami-v2", "bob").status_code == 401
    assert site.call("DELETE", "/api/tukar/users/admin", "admin").status_code == 409


def test_a_second_administrator(own_site: Site) -> None:
    site = own_site
    site.post("/api/tukar/users", "admin", json={"name": "root", "admin": True}).raise_for_status()
    site.tokens["root"], site.tokens["root reads"] = (site.add_token("root", role) for role in ("write", "read"))
    assert site.get("/api/tukar/users", "root").status_code == 200
    assert site.get("/api/tukar/users", "root reads").status_code == 403


def test_tokens_of_ones_own(site: Site) -> None:
    made = site.post("/api/tukar/users/alice/tokens", "alice", json={"name": "laptop", "role": "read"})
    assert made.headers["Cache-Control"] == "no-store"
    token = made.json()["token"]
    listed = site.get("/api/tukar/users/alice/tokens", "alice")
    assert {"name": "laptop", "role": "read"}.items() <= listed.json()[-1].items()
    assert token not in listed.text
    assert (
        site.post("/api/tukar/users/alice/tokens", "alice", json={"name": "laptop", "role": "read"}).status_code == 409
    )
    for role in ("admin", None, "WRITE", ["read"]):
        assert site.post("/api/tukar/users/alice/tokens", "alice", json={"name": "x", "role": role}).status_code == 400
    assert site.call("DELETE", "/api/tukar/users/alice/tokens/laptop", "alice").status_code == 200
    assert site.call("DELETE", "/api/tukar/users/alice/tokens/laptop", "alice").status_code == 404


def test_state(site: Site) -> None:
    assert site.get("/ready").json()["status"] == "ok"
    totals = site.get("/api/tukar/stats", "admin").json()
    assert totals.keys() == {"files", "raw_bytes", "objects", "object_bytes", "stored_bytes", "disk_bytes"}


def test_repacking_is_paused_and_goes_on(site: Site) -> None:
    address = "/api/tukar/repack"
    try:
        assert site.post(address, "admin", json={"paused": True}).json()["paused"] is True
        assert site.get(address, "admin").json()["paused"] is True
        for who in (None, "bob", "admin reads"):
            assert site.get(address, who).status_code in (401, 403)
            assert site.post(address, who, json={"paused": False}).status_code in (401, 403)
        assert site.post(address, "admin", json={"paused": "no"}).status_code == 400
        assert site.get(address, "admin").json()["paused"] is True
    finally:
        told = site.post(address, "admin", json={"paused": False}).json()
    assert told.keys() == {
        "pending_files",
        "pending_bytes",
        "paused",
        "running",
        "error",
        "done_bytes",
        "total_bytes",
        "note",
    }
    assert (told["paused"], told["running"]) == (False, True), "a job is due at once"


def test_jobs(site: Site) -> None:
    made = site.post("/api/tukar/jobs", "admin", json={"kind": "check"})
    assert made.status_code == 202
    address = f"/api/tukar/jobs/{made.json()['id']}"
    assert site.get(address, "admin").json()["state"] == "queued"
    assert site.post("/api/tukar/jobs", "admin", json={"kind": "check"}).json()["id"] == made.json()["id"]
    assert site.call("DELETE", address, "admin").json()["state"] == "cancelled"
    for kind in ("rm", "", "Check"):
        assert site.post("/api/tukar/jobs", "admin", json={"kind": kind}).status_code == 400
