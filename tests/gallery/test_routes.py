"""Addresses, statuses, headers, and who sees what."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tukar.gallery.pages import CONTENT_SECURITY_POLICY
from tukar.hub import Hub

from .conftest import Publish, Visitor, app
from .markup import find, read


def test_private_models_do_not_exist_for_visitors(publish: Publish, visitor: Visitor) -> None:
    publish("ana/open", {"README.md": b"x"})
    publish("ana/secret", {"README.md": b"x"}, private=True)
    assert "secret" not in visitor.get("/").text
    assert "ana/secret" not in visitor.get("/?search=ana").text
    hidden, missing = visitor.get("/ana/secret"), visitor.get("/ana/absent")
    assert hidden.status_code == missing.status_code == 404
    assert re.sub("ana(/|%2F)secret", r"ana\1absent", hidden.text) == missing.text


@pytest.mark.parametrize("way", ["", "/tree/main", "/tree/main/x", "/commit/main", "/tree/nowhere"])
def test_in_no_way(way: str, publish: Publish, visitor: Visitor) -> None:
    publish("ana/secret", {"README.md": b"x"}, private=True)
    reply = visitor.get(f"/ana/secret{way}")
    assert reply.status_code == 404
    assert "there is no model ana/secret, or you may not see it" in reply.text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/", 200),
        ("/ana/model", 200),
        ("/ana%2Dx/model", 404),
        ("/%61na/mod%65l", 200),
        ("/ana/model/tree/main", 200),
        ("/ana/model/tree/main/some/folder", 200),
        ("/ana/model/tree/refs%2Fheads%2Fmain", 200),
        ("/ana/model/commit/main", 200),
        ("/ana/model/tree/nowhere", 404),
        ("/ana/model/tree/%00", 404),
        ("/ana/model/tree/%FF", 400),
        ("/ana/mo..del", 404),
        ("/ana/%3Cscript%3E", 404),
        ("/ana/%FF", 400),
        ("/ana/%00", 404),
        ("/ana/model?from=-1", 400),
        ("/ana/model?from=99999999999999999999", 400),
        ("/ana/model?tensors=%00", 404),
    ],
)
def test_statuses(address: str, status: int, publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"README.md": b"x"})
    reply = visitor.get(address)
    assert reply.status_code == status
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    if status != 200:
        assert find(reply.text, "p", class_="status")[0].text == str(status)


@pytest.mark.parametrize(
    "address", ["/", "/ana/model", "/ana/absent", "/ana/%FF", "/exchange", "/ana/model/receipts/x"]
)
def test_every_page_is_sent_with_the_policy(address: str, publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"README.md": b"x"})
    headers = visitor.get(address).headers
    assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_the_policy_allows_nothing_from_elsewhere_and_nothing_inline() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split(";"))
    assert rules.pop("img-src") == "'self' data:"
    assert rules.pop("default-src") == "'none'"
    assert set(rules.values()) == {"'self'", "'none'"}


@pytest.mark.parametrize("address", ["/", "/?search=x", "/ana/model", "/ana/absent", "/exchange"])
def test_pages_do_without_what_the_policy_forbids(address: str, publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"README.md": b"# x\n\n| a |\n|--:|\n| 1 |\n\n![x](https://example.org/x.png)"})
    for element in read(visitor.get(address).text):
        assert element.tag != "style"
        assert "style" not in element.attributes
        assert not [name for name in element.attributes if name.startswith("on")]
        if element.tag == "script":
            assert element.text == ""


def test_what_pages_load_is_there(visitor: Visitor) -> None:
    html = visitor.get("/").text
    loaded = [e.attributes.get("src") or e["href"] for e in read(html) if e.tag in ("script", "link", "img")]
    kinds = {visitor.get(address or "").headers["content-type"].partition(";")[0] for address in loaded}
    assert kinds == {"text/css", "text/javascript", "image/svg+xml"}
    style = visitor.get("/static/style.css").text
    assert {visitor.get(f"/static/{name}").status_code for name in re.findall(r'url\("(.+?)"\)', style)} == {200}


@pytest.mark.parametrize("path", ["..%2Fviews.py", "%2e%2e/views.py", "../templates/base.html", "none.css", ""])
def test_nothing_but_static_files_is_there(path: str, visitor: Visitor) -> None:
    assert visitor.get(f"/static/{path}").status_code == 404


@pytest.mark.parametrize("address", ["/api/whatever", "/datasets/x", "/lfs/x", "/xet/x"])
def test_programs_get_no_page_at_their_addresses(address: str, visitor: Visitor) -> None:
    reply = visitor.get(address)
    assert reply.status_code == 404
    assert reply.headers["content-type"].startswith("text/plain")


def test_the_public_address_is_what_commands_name(hub: Hub, publish: Publish) -> None:
    publish("ana/model", {"x": b"x"})
    visitor = Visitor(app(replace(hub, config=replace(hub.config, public_url="https://models.example/"))))
    assert "HF_ENDPOINT=https://models.example \\" in visitor.get("/ana/model").text


@pytest.mark.parametrize("host", ["evil'; rm -rf ~ #", "<script>alert(1)</script>", "a b", 'x"y'])
def test_a_strange_host_stays_in_its_quotes(host: str, publish: Publish, visitor: Visitor) -> None:
    publish("ana/model", {"x": b"x"})
    html = visitor.get("/ana/model", host=host).text
    assert len(find(html, "script")) == 1
    [command] = [code.text for code in find(html, "code") if "hf download" in code.text]
    assert host not in command or f"'http://{host}'" in command


def test_a_fault_in_the_hub_is_a_page_that_tells_nothing(
    hub: Hub, publish: Publish, visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    publish("ana/model", {"x": b"x"})
    hub.services.database.close()
    object.__setattr__(hub.services, "database", None)
    reply = visitor.get("/ana/model")
    assert reply.status_code == 500
    assert "NoneType" not in reply.text
    assert "a page failed: /ana/model" in caplog.text
