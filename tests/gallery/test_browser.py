"""The pages in a real browser: wide and narrow, light and dark, with and without a hostile card."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tukar.exchange.requests import Wish
from tukar.hub import Hub
from tukar.testing.models import tiny_safetensors
from tukar.usecases import request

from .chromium import Chromium, chromium
from .conftest import Publish, app
from .served import serve
from .swapped import Published, administrator, published
from .test_login import token_of
from .test_sanitising import VECTORS

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed"),
]

LONG = "a" * 96
LONG_FILE = f"folder/{'long-name-' * 20}.txt"
ORDINARY = f"""---
license: apache-2.0
tags: [{", ".join(f"tag-{number}" for number in range(40))}]
base_model: {LONG}/{LONG}
---
# A model

| {" | ".join("abcdefghijklmnop")} |
|{"---|" * 16}
| {" | ".join(["some words"] * 16)} |

```
{"a long line of code " * 30}
```

{"unbroken" * 60}

![A picture]({LONG_FILE}) ![Elsewhere](https://elsewhere.test/a.png) [a file](config.json)
"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SIZES = [(1440, 900), (360, 740)]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    assert PROGRAM is not None
    with chromium(PROGRAM, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def address(hub: Hub) -> Iterator[str]:
    """Where the hub's pages are served."""
    with serve(app(hub)) as url:
        yield url


@pytest.fixture
def ordinary(hub: Hub, publish: Publish) -> str:
    files = {"README.md": ORDINARY.encode(), "model.safetensors": tiny_safetensors(), LONG_FILE: b"x"}
    publish(f"{LONG}/{LONG}", files, "word " * 50)
    publish("ana/model", {"README.md": b"# Other"})
    published(hub, Published(("ana/model",), (f"{LONG}/other",), (f"{LONG}/{LONG}",)), peer=LONG[:90])
    request.make(hub.services, administrator(hub), Wish("unbroken" * 60, LONG, LONG, f"{LONG}/{LONG}"), 86_400)
    return f"/{LONG}/{LONG}"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=["wide", "narrow"])
def test_no_page_is_wider_than_the_window(
    browser: Chromium, address: str, ordinary: str, size: tuple[int, int], dark: bool, tmp_path: Path
) -> None:
    browser.show(*size, dark=dark)
    for path in ("/", "/?search=none", ordinary, "/ana/absent", "/exchange"):
        browser.open(address + path)
        browser.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        assert browser.evaluate(OVERFLOW) == 0, path
        ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(20, 22, 27)" if dark else "rgb(251, 249, 244)"), "the style sheet is not in force"
        browser.screenshot(tmp_path / "page.png")
        assert (tmp_path / "page.png").stat().st_size > 5_000


@pytest.mark.parametrize("size", SIZES, ids=["wide", "narrow"])
def test_the_storage_is_paused_without_scripts(
    browser: Chromium, address: str, hub: Hub, ordinary: str, size: tuple[int, int]
) -> None:
    browser.show(*size)
    browser.open(f"{address}/login?next=/storage")
    browser.fill("input[name=token]", token_of(hub, "admin"))
    browser.click("main form button")
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        for state in ("paused", "running"):
            browser.click("main form button")
            assert browser.evaluate("location.pathname") == "/storage"
            assert browser.evaluate("document.querySelector('#state').dataset.state") == state
            assert browser.evaluate(OVERFLOW) == 0
            assert browser.log == []
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("size", SIZES, ids=["wide", "narrow"])
def test_the_browser_refuses_nothing_and_loads_from_here_only(
    browser: Chromium, address: str, ordinary: str, size: tuple[int, int]
) -> None:
    browser.show(*size)
    for path in ("/", ordinary, "/exchange"):
        browser.open(address + path)
        assert [entry for entry in browser.log if "Content Security Policy" in entry] == []
        loaded = browser.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
        assert loaded != []
        assert [name for name in loaded if not name.startswith(address)] == []


def test_a_hostile_card_runs_nothing(browser: Chromium, address: str, publish: Publish) -> None:
    vectors = [vector.replace("alert(1)", "document.title='owned'") for vector in VECTORS]
    publish("ana/model", {"README.md": ("\n\n".join(vectors) + "\n\nThe end.").encode()})
    browser.show(1440, 900)
    browser.open(f"{address}/ana/model")
    # If one of them hid the rest of the page, or left it, this would not be there.
    assert browser.evaluate("document.querySelector('#history-title').textContent") == "History"
    for event in ("click", "mouseover", "focus", "toggle", "load", "error"):
        everything = "document.querySelectorAll('.card *, .card')"
        browser.evaluate(f"{everything}.forEach(part => part.dispatchEvent(new Event('{event}', {{bubbles: true}})))")
    assert browser.evaluate("document.title") == "ana/model · Tukar"
    assert browser.evaluate("location.pathname") == "/ana/model"
    assert browser.evaluate("document.querySelectorAll('main .card script, .card style, .card form').length") == 0


def test_a_command_can_be_copied(browser: Chromium, address: str, ordinary: str) -> None:
    browser.show(1440, 900)
    browser.open(address + "/ana/model")
    browser.evaluate("navigator.clipboard.writeText = async text => { window.copied = text }")
    browser.evaluate("document.querySelector('.command .copy').click()")
    assert browser.evaluate("window.copied") == f"HF_ENDPOINT={address} \\\n  hf download ana/model"
    assert browser.evaluate("document.querySelector('.command .copy').textContent") == "Copied"


def test_everything_is_there_without_scripts(browser: Chromium, address: str, ordinary: str) -> None:
    browser.show(360, 740)
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(address + ordinary)
        root = browser.send("DOM.getDocument")["root"]["nodeId"]
        html = browser.send("DOM.getOuterHTML", nodeId=root)["outerHTML"]
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)
    assert '<button type="button"' not in html
    for part in ("A model", "hf download", LONG_FILE, "model.norm" if "model.norm" in html else "model.scale"):
        assert part in html


def test_the_search_leads_to_the_model(browser: Chromium, address: str, ordinary: str) -> None:
    browser.show(360, 740)
    browser.open(f"{address}/?search=ana")
    assert browser.evaluate("document.querySelector('.models a').pathname") == "/ana/model"
    assert browser.evaluate("document.querySelectorAll('.models li').length") == 1 + ("ana" in LONG)
