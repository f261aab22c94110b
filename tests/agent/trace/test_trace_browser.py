"""The page in a real browser; run with `make test-browser`, which needs the packages chromium and chromium-driver."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shotclock.agent.trace.report.data import report
from shotclock.agent.trace.report.page import page
from shotclock.agent.trace.report.server import Server

from .browser import CHROMIUM, DRIVER, Browser
from .test_trace_report import EVIL, asked

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver"),
]

LATE = {"shotclock__run__stop_reason": "deadline", "shotclock__run__status": "partial"}


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with closing(Browser(tmp_path_factory.mktemp("profile"))) as browser:
        yield browser


@pytest.fixture
def browser(window: Browser) -> Browser:
    """The window, as wide as a desk's, with no complaint of another test's."""
    window.size(1280)
    window.scheme("light")
    window.open("about:blank")
    window.problems()
    return window


@pytest.fixture
def opened(browser: Browser, make: Any, view: Any, tmp_path: Path) -> Any:
    """Opens the page on so many runs, every other one of which missed its deadline."""

    def open_page(runs: int, details: int = 100) -> Browser:
        views = [view(asked(make, f"{n:032x}", 1e3 * -n, 800 + n % 90, **(LATE if n % 2 else {}))) for n in range(runs)]
        path = tmp_path / "page.html"
        path.write_text(page(report(views, details=details), "Runs"), encoding="utf-8")
        browser.open(path.as_uri())
        browser.wait("return document.querySelector('main').children.length > 0")
        return browser

    return open_page


def test_nothing_a_trace_holds_runs(opened: Any) -> None:
    """Names, results and reasons that are markup are shown as they are, and nothing of them runs or is refused."""
    browser = opened(2)
    browser.run("document.querySelector('.runs a').click()")
    browser.wait("return document.querySelectorAll('.row.call').length === 5")
    browser.run("document.querySelectorAll('.row.call').forEach((row) => row.click())")
    browser.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert EVIL in browser.text(".open dl") or EVIL in browser.text("main")
    assert browser.run("return window.ran") is None
    assert browser.count("img") == 0
    assert browser.problems() == []


def test_a_foreign_script_is_refused(opened: Any) -> None:
    """Were markup to get into the page after all, its script would not run: the policy knows the page's own alone."""
    browser = opened(1)
    browser.run("const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)")
    browser.run("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = 1\">')")
    assert browser.run("return window.ran") is None
    assert any("Content Security Policy" in problem for problem in browser.problems())


def test_the_keyboard_reaches_everything(opened: Any) -> None:
    """j and k choose a run, Enter opens it, n goes on, arrows walk its waterfall, Escape leads back, / filters."""
    browser = opened(6)
    browser.press("j", "j", "k")
    assert (
        browser.run("return [...document.querySelectorAll('.runs tbody tr')].findIndex((r) => r.className === 'on')")
        == 1
    )
    browser.press("Enter")
    browser.wait("return location.hash.startsWith('#' + '1'.padStart(32, '0'))")
    browser.press("ArrowDown", "ArrowDown", "Enter")
    browser.wait("return document.querySelectorAll('.open').length === 1")
    browser.press("n")
    browser.wait("return location.hash.startsWith('#' + '2'.padStart(32, '0'))")
    browser.press("Escape", "/")
    browser.wait("return document.activeElement.id === 'filter'")
    browser.press(*"partial")
    browser.wait("return document.querySelectorAll('.runs tbody tr').length === 3")
    browser.press("Escape", "?")
    browser.wait("return document.getElementById('help').open")
    assert browser.problems() == []


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_it_fits_the_screen(opened: Any, width: int) -> None:
    """Neither the overview nor a run is wider than a phone, a tablet or a desk."""
    browser = opened(20)
    browser.size(width)
    assert browser.run("return document.documentElement.scrollWidth") <= width
    browser.run("document.querySelector('.runs a').click()")
    browser.wait("return document.querySelectorAll('.row.call').length > 0")
    assert browser.run("return document.documentElement.scrollWidth") <= width


def test_light_and_dark(opened: Any) -> None:
    """It follows the system, and the key t and the button choose otherwise."""
    browser = opened(1)
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = browser.run(ground)
    browser.scheme("dark")
    dark = browser.run(ground)
    assert light != dark
    browser.press("t")
    assert browser.run(ground) == light
    browser.press("t")
    browser.scheme("light")
    assert browser.run(ground) == dark


def test_thousands_of_runs(opened: Any) -> None:
    """Thousands are summed up and listed a part at a time; of those that are not whole the page says so."""
    browser = opened(3_000, details=20)
    assert "20 of 3,000 runs can be opened" in browser.text(".note")
    assert browser.count(".runs tbody tr") == 50
    assert browser.count(".runs tbody a") <= 20
    browser.run("document.querySelector('.more').click()")
    assert browser.count(".runs tbody tr") == 300


def test_it_prints(opened: Any) -> None:
    """A run prints on a few pages, with the figures of its decisions open."""
    browser = opened(1)
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.count("details:not([open])") == 0
    assert browser.print()[:5] == b"%PDF-"


def test_the_live_store(browser: Browser, make: Any, kept: Any) -> None:
    """The server's page opens a run that it asks for, and says when there are new ones."""
    server = Server(kept(asked(make)))
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        browser.open(server.url)
        browser.wait("return document.querySelectorAll('.runs tbody tr').length === 1")
        browser.run("document.querySelector('.runs a').click()")
        browser.wait("return document.querySelectorAll('.row.call').length === 5")
        kept(asked(make, "b" * 32, 60_000))
        browser.run("watch()")
        browser.wait("return document.getElementById('fresh').textContent.startsWith('1 new')")
        assert browser.problems() == []
    finally:
        server.close()
        thread.join(5)
