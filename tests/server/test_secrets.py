"""Tokens and signed addresses are in answers to those whom they are for, and nowhere else."""

import logging

import pytest

from tukar.testing.xet import MadeXorb, made_file, made_shard

from .site import ADMIN_TOKEN, Site


def test_nothing_secret_is_logged(own_site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site = own_site
    with caplog.at_level(logging.DEBUG):
        repository, made = site.repository(private=True), MadeXorb((b"never-to-be-logged" * 100,))
        found = site.push_xet(repository, "a.bin", made.run())
        reader, writer = site.xet("read", repository, "alice"), site.xet("write", repository, "alice")
        url, span = reader.first_url(found)
        (item,) = site.batch(repository, [("5" * 64, 10)]).json()["objects"]
        href = item["actions"]["upload"]["href"]
        site.http.get(url, headers={"Range": span})
        site.http.get(url)
        site.http.get(f"{url}x")
        site.http.delete(url)
        site.http.put(href, content=b"wrong")
        site.http.put(f"{href}/x", content=b"wrong")
        writer.post_shard(made_shard(made_file(MadeXorb((b"never sent",)).run())))
        site.get("/api/whoami-v2", headers={"Authorization": "Bearer wrong-token-of-somebody"})
        with site.hub.services.database.write() as tx:
            tx.exec_driver_sql("UPDATE repositories SET card = 'what nobody expected'")
        assert site.get(f"/api/models/{repository}", "alice").status_code == 500
    logged = "\n".join(
        record.getMessage() + (record.exc_text or "") for record in caplog.records if not record.name.startswith("http")
    )
    secrets = [*site.tokens.values(), reader.token, writer.token, url.rsplit("/", 1)[1], href.rsplit("/", 1)[1]]
    assert ADMIN_TOKEN in secrets
    assert "failed" in logged
    for secret in [*secrets, "wrong-token-of-somebody", "never-to-be-logged"]:
        assert secret not in logged


def test_the_database_holds_no_token(own_site: Site) -> None:
    site = own_site
    database = site.hub.config.data / "database.sqlite"
    kept = b"".join(path.read_bytes() for path in database.parent.glob("database.sqlite*"))
    for token in site.tokens.values():
        assert token.encode() not in kept


def test_answers_with_secrets_are_not_to_be_kept(site: Site) -> None:
    repository, made = site.repository(), MadeXorb((b"x" * 100,))
    found = site.push_xet(repository, "a.bin", made.run())
    reader = site.xet("read", repository, None)
    url, span = reader.first_url(found)
    answers = [
        site.get(f"/api/models/{repository}/xet-write-token/main", "alice"),
        reader.reconstruction(found),
        reader.reconstruction(found, "v1"),
        site.post("/api/tukar/users/bob/tokens", "bob", json={"name": "kept", "role": "read"}),
    ]
    assert [answer.headers["Cache-Control"] for answer in answers] == ["no-store"] * 4
    assert site.http.get(url, headers={"Range": span}).headers["Cache-Control"] == "private"
