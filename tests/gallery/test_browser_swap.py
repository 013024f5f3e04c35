"""Two hubs swap, and all of it is done by clicking in a browser."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tukar.testing.models import tiny_safetensors

from .chromium import Chromium, chromium
from .conftest import publisher
from .served import TOKEN, Served, served

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed"),
]
STATE = "document.querySelector('#state').dataset.state"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
CARD = b"---\nlicense: apache-2.0\n---\n# "


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chromium]:
    assert PROGRAM is not None
    with chromium(PROGRAM, tmp_path / "profile") as browser:
        browser.show(1280, 900)
        yield browser


@pytest.fixture
def hubs(browser: Chromium, tmp_path: Path) -> Iterator[tuple[Served, Served]]:
    with served(tmp_path / "ours") as ours, served(tmp_path / "theirs") as theirs:
        publisher(ours.hub)("admin/child", {"README.md": CARD + b"Child", "model.safetensors": tiny_safetensors(0)})
        publisher(theirs.hub)("admin/base", {"README.md": CARD + b"Base", "model.safetensors": tiny_safetensors(1)})
        yield ours, theirs


def log_in(browser: Chromium, hub: Served) -> None:
    """From the exchange's page, and back to it."""
    browser.open(f"{hub.url}/exchange")
    browser.click("main .button")
    browser.fill("#token", TOKEN)
    browser.click("main button.primary")
    assert browser.evaluate("location.href") == f"{hub.url}/exchange"


def add_peer(browser: Chromium, near: Served, far: Served, name: str) -> None:
    browser.open(f"{near.url}/exchange")
    browser.fill("#peer-url", far.url)
    browser.click("#peers form button")
    assert browser.evaluate("document.querySelector('.compare .fingerprint').textContent") == far.fingerprint
    browser.fill("#peer-name", name)
    browser.evaluate("document.querySelector('#compared').click()")
    browser.click(".compare button")
    assert name in browser.evaluate("document.querySelector('.peers').textContent")


def test_two_hubs_swap_by_clicking(browser: Chromium, hubs: tuple[Served, Served]) -> None:
    ours, theirs = hubs
    for hub in hubs:
        log_in(browser, hub)
    add_peer(browser, ours, theirs, "theirs")
    add_peer(browser, theirs, ours, "ours")

    browser.open(f"{ours.url}/exchange")
    browser.fill("#give-1", "admin/child")
    browser.fill("#take-1", "admin/base")
    browser.fill("#offer-note", "As we said.")
    browser.click("#offer button.primary")
    page = browser.evaluate("location.pathname")
    assert browser.evaluate(STATE) == "offered"

    wait_for_offer(browser, theirs)
    browser.click("#waiting a")
    assert browser.evaluate("location.pathname") == page
    assert "As we said." in browser.evaluate("document.querySelector('main').textContent")
    browser.fill("#into-1", "admin/their-child")
    browser.click("#decide button.primary")

    for hub, came in ((theirs, "/admin/their-child"), (ours, "/admin/base")):
        browser.open(hub.url + page)
        browser.wait_until(f"{STATE} === 'published'")  # it follows by itself
        assert browser.evaluate("document.querySelector('.places a').pathname") == came
        assert browser.evaluate("document.querySelector('.side .button').download").endswith(".receipt.json")
        assert [entry for entry in browser.log if "Content Security Policy" in entry] == []
        browser.click(".places a")
        assert browser.evaluate("document.querySelector('#receipts') !== null")

    browser.open(f"{theirs.url}/exchange")
    browser.fill("#ask-text", "A smaller one")
    browser.click("#ask button.primary")
    browser.open(f"{ours.url}/exchange/peers/theirs")
    browser.click(".requests .button")
    assert browser.evaluate("document.querySelector('#offer-request').value.length") == 64
    assert browser.evaluate("document.querySelector('#offer-peer').value") == "theirs"

    for width in (360, 1280):
        browser.show(width, 800)
        browser.open(f"{ours.url}/exchange")
        assert browser.evaluate("document.querySelector('#ask').open") is (width == 1280)
        for path in ("/exchange", "/exchange/peers/theirs", page):
            browser.open(ours.url + path)
            browser.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
            assert browser.evaluate(OVERFLOW) == 0, path

    browser.click("header .who button")
    assert browser.evaluate("document.querySelector('header .who a').textContent") == "Log in"
    browser.open(ours.url + page)
    assert browser.evaluate("document.querySelector('.status').textContent") == "401"
    browser.open(theirs.url + page)  # the other hub's session is its own
    assert browser.evaluate(STATE) == "published"


def wait_for_offer(browser: Chromium, hub: Served) -> None:
    """The list of offers does not follow by itself: it is opened again."""
    until = time.monotonic() + 60
    browser.open(f"{hub.url}/exchange")
    while browser.evaluate("document.querySelector('#waiting a') === null"):
        assert time.monotonic() < until
        browser.open(f"{hub.url}/exchange")
