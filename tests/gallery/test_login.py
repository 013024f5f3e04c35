"""Logging in to the pages and out again, and what a browser's session is good for."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote

import httpx
import pytest

from tukar.catalog import tokens, users
from tukar.catalog.values import Role
from tukar.gallery.forms import LIMIT
from tukar.hub import Hub
from tukar.usecases import accounts

from .conftest import START, Publish, Visitor, app
from .markup import find
from .swapped import administrator

AWAY = {"Origin": "http://evil.test"}


def token_of(hub: Hub, name: str, role: Role = "write") -> str:
    with hub.services.database.write() as tx:
        user = users.find(tx, name) or users.create(tx, name, now=START)
        return tokens.create(tx, user, "browser", role, now=START)


def who(reply: httpx.Response) -> str:
    """Whom the page takes its reader for."""
    names = [element.text for element in find(reply.text, "bdi") if "header" in element.inside]
    return names[0] if names else ""


@pytest.fixture
def token(hub: Hub) -> str:
    return token_of(hub, "ana", "read")


def test_the_form_leads_to_where_one_wanted_to_be(visitor: Visitor, token: str) -> None:
    asked = visitor.get("/login?next=/exchange%3Fx%3D1")
    assert asked.status_code == 200
    [after] = find(asked.text, "input", name="next")
    assert after["value"] == "/exchange?x=1"
    reply = visitor.post("/login", {"token": f" {token}\n", "next": after["value"]})
    assert (reply.status_code, reply.headers["location"]) == (303, "/exchange?x=1")
    assert who(visitor.get("/exchange")) == "ana"


def test_whoever_is_logged_in_already_goes_on(visitor: Visitor, token: str) -> None:
    """A link from elsewhere comes without the cookie, which is for this site alone: one step more brings it."""
    visitor.log_in(token)
    reply = visitor.get("/login?next=/exchange")
    assert (reply.status_code, reply.headers["location"]) == (303, "/exchange")


@pytest.mark.parametrize("wrong", ["", "tukar_wrong", "ü", "x" * 10_000])
def test_a_wrong_token(visitor: Visitor, token: str, wrong: str) -> None:
    reply = visitor.post("/login", {"token": wrong, "next": "/exchange"})
    assert reply.status_code == 401
    assert "set-cookie" not in reply.headers
    assert "this hub knows no such token" in find(reply.text, "div", role="alert")[0].text
    assert find(reply.text, "input", name="next")[0]["value"] == "/exchange"
    assert "value" not in find(reply.text, "input", name="token")[0].attributes


def test_the_cookie(hub: Hub, visitor: Visitor, token: str) -> None:
    cookie = visitor.post("/login", {"token": token}).headers["set-cookie"]
    assert re.fullmatch(
        r"tukar-[0-9a-f]{8}=[\w-]{43}; HttpOnly; Max-Age=604800; Path=/; SameSite=strict", cookie, re.IGNORECASE
    )
    assert token not in cookie


def test_the_cookie_of_a_hub_with_tls(hub: Hub, token: str) -> None:
    safe = replace(hub, config=replace(hub.config, public_url="https://hub.test/"))
    visitor = Visitor(app(safe), "https://hub.test")
    cookie = visitor.post("/login", {"token": token}).headers["set-cookie"]
    assert re.fullmatch(
        r"__Host-tukar-\w{8}=\S+; HttpOnly; Max-Age=604800; Path=/; SameSite=strict; Secure", cookie, re.IGNORECASE
    )
    assert who(visitor.get("/")) == "ana"


def test_two_hubs_on_one_machine_have_cookies_of_their_own(hub: Hub, token: str) -> None:
    """Browsers send the cookies of one port to all the others."""
    other = replace(hub, secret=b"another hub's")
    names = {Visitor(app(each)).post("/login", {"token": token}).headers["set-cookie"][:14] for each in (hub, other)}
    assert len(names) == 2


ELSEWHERE = [
    "//evil.test",
    "///evil.test",
    "/\\evil.test",
    "\\\\evil.test",
    "/%2Fevil.test",
    "/%5Cevil.test",
    "%2F%2Fevil.test",
    "https://evil.test",
    "javascript:alert(1)",
    "evil.test",
    "/\t/evil.test",
    "/ok\r\nSet-Cookie: a=b",
    "/ü",
    "",
    " //evil.test",
    "/" + "x" * 3000,
]


@pytest.mark.parametrize("after", ELSEWHERE)
def test_logging_in_leads_nowhere_else(visitor: Visitor, token: str, after: str) -> None:
    form = visitor.get(f"/login?next={quote(after, safe='')}")
    assert find(form.text, "input", name="next")[0]["value"] == "/"
    reply = visitor.post("/login", {"token": token, "next": after})
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    assert visitor.get(f"/login?next={quote(after, safe='')}").headers["location"] == "/"


def test_every_page_says_who_is_logged_in_and_lets_them_out(visitor: Visitor, token: str, publish: Publish) -> None:
    publish("ana/model", {"README.md": b"x"})
    before = visitor.get("/ana/model?from=0")
    assert [link["href"] for link in find(before.text, "a") if link.text == "Log in"] == [
        "/login?next=%2Fana%2Fmodel%3Ffrom%3D0"
    ]
    visitor.log_in(token)
    for path in ("/", "/ana/model", "/exchange", "/ana/absent"):
        page = visitor.get(path)
        assert who(page) == "ana"
        assert find(page.text, "form", action="/logout", method="post") != []


def test_logging_out(visitor: Visitor, token: str) -> None:
    visitor.log_in(token)
    kept = dict(visitor.cookies)
    reply = visitor.post("/logout")
    assert (reply.status_code, reply.headers["location"]) == (303, "/")
    assert dict(visitor.cookies) == {}
    visitor.cookies.update(kept)  # whoever has copied it
    assert who(visitor.get("/")) == ""
    assert visitor.get("/logout").status_code == 405


def test_logging_in_anew_ends_the_session_before(visitor: Visitor, token: str) -> None:
    visitor.log_in(token)
    kept = dict(visitor.cookies)
    visitor.log_in(token)
    visitor.cookies.clear()
    visitor.cookies.update(kept)
    assert who(visitor.get("/")) == ""


def test_revoking_the_token_ends_the_session_at_once(hub: Hub, visitor: Visitor, token: str) -> None:
    visitor.log_in(token)
    assert who(visitor.get("/")) == "ana"
    accounts.revoke_token(hub.services, administrator(hub), "ana", "browser")
    assert who(visitor.get("/")) == ""


def test_a_session_ends_by_itself(hub: Hub, visitor: Visitor, token: str) -> None:
    visitor.log_in(token)
    for _ in range(12 * 60):
        hub.services.clock()  # a minute each
    assert who(visitor.get("/")) == ""


@pytest.mark.parametrize("cookie", ["wrong", "", "x" * 5000, '"quoted"'])
def test_a_strange_cookie_is_nobody_s(visitor: Visitor, token: str, cookie: str) -> None:
    visitor.log_in(token)
    [name] = dict(visitor.cookies)
    visitor.cookies.clear()
    reply = visitor.get("/", Cookie=f"{name}={cookie}")
    assert (reply.status_code, who(reply)) == (200, "")


def test_a_token_in_the_header_counts_for_programs_only(visitor: Visitor, token: str) -> None:
    assert who(visitor.get("/", Authorization=f"Bearer {token}")) == ""


# Forms from elsewhere


@pytest.mark.parametrize("path", ["/login", "/logout", "/exchange/offer", "/exchange/peers", "/exchange/abcdef/accept"])
@pytest.mark.parametrize(
    "headers",
    [
        AWAY,
        {"Origin": "null"},
        {"Origin": ""},  # not sent
        {"Origin": "https://hub.test:8080"},
        {"Origin": "http://hub.test"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
    ],
    ids=str,
)
def test_a_form_from_elsewhere_does_nothing(hub: Hub, path: str, headers: dict[str, str]) -> None:
    visitor = Visitor(app(hub))
    visitor.log_in(token_of(hub, "admin"))
    reply = visitor.post(path, {"token": "x"}, **headers)
    assert reply.status_code == 403
    assert "was not sent by a page of this hub" in reply.text
    assert "set-cookie" not in reply.headers
    assert who(visitor.get("/")) == "admin"


def test_the_browser_s_own_word_is_enough_behind_a_proxy(visitor: Visitor, token: str) -> None:
    """Proxies change the Host, and the scheme; what browsers say of a form's page stays."""
    reply = visitor.post("/login", {"token": token}, Origin="https://outside.test", Sec_Fetch_Site="same-origin")
    assert reply.status_code == 303


def test_so_is_the_public_address(hub: Hub, token: str) -> None:
    visitor = Visitor(app(replace(hub, config=replace(hub.config, public_url="https://Outside.test/"))))
    assert visitor.post("/login", {"token": token}, Origin="https://outside.test").status_code == 303


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data; boundary=x", "-"])
def test_only_forms_are_read(visitor: Visitor, token: str, kind: str) -> None:
    reply = visitor.post("/login", {"token": token}, Content_Type=kind)
    assert reply.status_code == 400
    assert "not a form" in reply.text


@pytest.mark.parametrize("form", [{"token": "x" * LIMIT}, {"token": "a\x00"}, {str(n): "" for n in range(1001)}])
def test_forms_have_bounds(visitor: Visitor, form: dict[str, str]) -> None:
    assert visitor.post("/login", form).status_code == 400


# What may be kept on the way


def test_a_page_for_one_person_is_kept_by_nobody_else(visitor: Visitor, token: str) -> None:
    for path in ("/", "/exchange", "/ana/absent"):
        assert visitor.get(path).headers["vary"] == "Cookie"
        assert visitor.get(path).headers["cache-control"] == "no-cache"
    visitor.log_in(token)
    for path in ("/", "/exchange", "/ana/absent"):
        assert visitor.get(path).headers["vary"] == "Cookie"
        assert visitor.get(path).headers["cache-control"] == "private, no-cache"


def test_private_models_are_there_for_who_may_read_them(hub: Hub, publish: Publish, token: str) -> None:
    card = b"---\nlicense: mit\n---\n# A secret\n\n![plan](plan.png)"
    publish("ana/secret", {"README.md": card, "plan.png": b"x"}, private=True)
    ana, bob = Visitor(app(hub)), Visitor(app(hub))
    ana.log_in(token)
    bob.log_in(token_of(hub, "bob"))
    assert "ana/secret" in re.sub("<[^>]*>", "", ana.get("/").text)
    assert find(ana.get("/").text, "small", class_="private")[0].text == "private"
    page = ana.get("/ana/secret")
    assert page.status_code == 200
    assert find(page.text, "img", alt="plan")[0]["src"] == "/ana/secret/blob/main/plan.png"
    assert {link["href"] for link in find(page.text, "a") if "table" in link.inside} == {
        "/ana/secret/blob/main/README.md",
        "/ana/secret/blob/main/plan.png",
    }
    assert "secret" not in bob.get("/").text
    assert bob.get("/ana/secret").status_code == 404
    hidden, missing = bob.get("/ana/secret"), bob.get("/ana/absent")
    assert hidden.text.replace("secret", "absent") == missing.text
