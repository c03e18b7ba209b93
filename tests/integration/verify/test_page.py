# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page in a genuine browser: it draws 500 namespaces, filters, asks nobody anything, and runs only its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._reports.model import Report
from ansible_collections.meshwright.istio.plugins.module_utils._reports.render import render

from ...unit.plugins.module_utils._reports import samples
from .browser import Tab, program, tab

pytestmark = pytest.mark.skipif(program() is None, reason="no chromium, google-chrome or chrome on PATH")

VISIBLE = "document.querySelectorAll('.finding:not([hidden])').length"
MATCHING = "Number(document.documentElement.dataset.visible)"

Open = Callable[..., Tab]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with tab(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def show(browser: Tab, tmp_path: Path) -> Open:
    def page(result: dict[str, Any], fragment: str = "", **about: Any) -> Tab:
        file = tmp_path / "report.html"
        file.write_text(render("html", Report.of(result, about=about)), encoding="utf-8")
        browser.ask("Page.navigate", url="about:blank")
        browser.events.clear()
        browser.open(f"{file.as_uri()}{fragment}")
        return browser

    return page


def test_it_draws_five_hundred_namespaces(show: Open, record_property: Callable[[str, object], None]) -> None:
    page = show(samples.large(500, 500))
    drawn = page.run("Number(document.documentElement.dataset.drawn)")
    record_property("drawn_ms", drawn)
    assert drawn > 0
    assert page.run("document.querySelectorAll('.tile').length") == 500
    assert page.run("document.querySelectorAll('.finding').length") == 500
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    assert page.problems == []


def test_it_asks_nobody_anything(show: Open) -> None:
    page = show(samples.hostile("https://evil.example/x.png"), waves=samples.WAVES)
    page.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    page.run("document.getElementById('theme').click(); localStorage.clear()")
    assert [address for address in page.requests if not address.startswith("file:")] == []
    assert len(page.requests) == 1


def test_markup_of_the_cluster_stays_text(show: Open) -> None:
    page = show(samples.hostile(), waves=samples.WAVES)
    page.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    page.run("document.querySelectorAll('[data-colour]').forEach((each) => each.click())")
    page.run("document.querySelectorAll('.tile').forEach((each) => each.focus())")
    page.run("document.querySelector('.tile').click()")
    assert page.run("document.querySelectorAll('#injected, img, injected').length") == 0
    assert page.run("document.documentElement.id") == ""
    assert page.run("document.querySelector('.finding .title').textContent") == samples.MARKUP
    assert page.run("document.querySelector('#detail h4').textContent").startswith("<img src=x")
    assert page.problems == []


def test_an_injected_script_would_not_run_either(show: Open) -> None:
    page = show(samples.broken())
    page.run(
        "(() => { const made = document.createElement('div'); made.innerHTML = '<img src=x onerror=\"window.ran=1\">';"
        "document.body.append(made); const code = document.createElement('script'); code.textContent = 'window.ran=1';"
        "document.body.append(code); })()"
    )
    page.run("new Promise((done) => setTimeout(done, 100))")
    assert page.run("window.ran") is None
    assert any("Content Security Policy" in problem for problem in page.problems)


def wanted(result: dict[str, Any], *words: str) -> int:
    return sum(all(word in str(finding).lower() for word in words) for finding in result["findings"])


def test_typing_filters_the_findings(show: Open) -> None:
    result = samples.large(500, 500)
    page = show(result)
    assert page.run(MATCHING) == 500
    page.run("document.body.focus()")
    page.ask("Input.dispatchKeyEvent", type="keyDown", key="/", text="/")
    page.ask("Input.insertText", text="Plaintext")
    page.until(f"{MATCHING} !== 500")
    count = wanted(result, "plaintext")
    assert 40 < count < 500
    assert page.run(MATCHING) == count
    assert page.run(VISIBLE) == 40
    assert page.run("location.hash") == "#q=Plaintext"
    assert page.run("document.getElementById('shown').textContent") == f"{count} of 500 findings"
    page.run("document.getElementById('more').click()")
    assert page.run(VISIBLE) == count
    page.run("document.querySelector('[data-do=clear]').click()")
    assert page.run(MATCHING) == 500
    assert page.run("location.hash") == ""


@pytest.mark.parametrize(
    ("fragment", "count"),
    [
        ("#severity=error", 3),
        ("#severity=error,info", 4),
        ("#ns=media", 2),
        ("#category=components", 1),
        ("#new=new", 2),
        ("#q=cluster%20kubernetes", 1),
        ("#severity=error&ns=payments", 1),
        ("#ns=nowhere", 0),
        ("#mesh", 8),
    ],
)
def test_the_address_filters_the_findings(show: Open, fragment: str, count: int) -> None:
    page = show(samples.broken(), fragment)
    assert page.run(MATCHING) == page.run(VISIBLE) == count
    assert page.run("document.getElementById('nothing').hidden") is (count > 0)


def test_findings_are_grouped(show: Open) -> None:
    page = show(samples.broken(), "#group=namespace&severity=error")
    titles = page.run("Array.from(document.querySelectorAll('#list > h3'), (each) => each.firstChild.textContent)")
    assert titles == ["istio-system", "payments", "shop"]


def test_a_tile_shows_and_filters_its_namespace(show: Open) -> None:
    page = show(samples.broken())
    tile = "Array.from(document.querySelectorAll('.tile')).find((each) => each.textContent.includes('shop'))"
    page.run(f"{tile}.focus()")
    told = page.run("document.getElementById('detail').innerText")
    for words in ("shop", "Ambient", "strict", "shop/waypoint", "1 error"):
        assert words in told
    page.run(f"{tile}.click()")
    assert page.run("location.hash") == "#ns=shop"
    assert page.run(MATCHING) == 2
    assert page.run(f"{tile}.getAttribute('aria-pressed')") == "true"


def test_a_tile_without_findings_hides_none(show: Open) -> None:
    page = show(samples.broken())
    page.run(
        "Array.from(document.querySelectorAll('.tile')).find((each) => each.textContent.includes('catalog')).click()"
    )
    assert page.run("document.querySelector('#detail h4').textContent") == "catalog"
    assert page.run(MATCHING) == 8


def test_a_control_plane_shows_who_is_bound_to_it(show: Open) -> None:
    page = show(samples.broken())
    page.run("document.querySelector('button.node[data-revision=\"1-30-3\"]').click()")
    lit = page.run("Array.from(document.querySelectorAll('.tile.lit b'), (each) => each.textContent)")
    assert lit == ["legacy"]


def test_it_is_reached_by_keyboard(show: Open) -> None:
    page = show(samples.broken())
    page.run("document.querySelector('.tile[tabindex=\"0\"]').focus()")
    first = page.run("document.activeElement.textContent")
    for name in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        page.ask("Input.dispatchKeyEvent", type="keyDown", key=name, code=name)
    assert page.run("document.activeElement.classList.contains('tile')")
    assert page.run("document.activeElement.textContent") != first
    assert page.run("document.querySelectorAll('.tile[tabindex=\"0\"]').length") == 1
    unnamed = (
        "Array.from(document.querySelectorAll('button, select, input, [role=img]')).filter((each) => "
        "!(each.textContent.trim() || each.getAttribute('aria-label') || each.labels?.length)).length"
    )
    assert page.run(unnamed) == 0


def test_it_is_light_and_dark_and_keeps_what_was_chosen(show: Open) -> None:
    page = show(samples.broken())
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.run(ground)
    page.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    dark = page.run(ground)
    assert light != dark
    page.run("document.getElementById('theme').click()")
    assert page.run(ground) == light
    page.run("document.getElementById('theme').click()")
    page.ask("Emulation.setEmulatedMedia", features=[])
    assert page.run(ground) == dark
    page.run("localStorage.clear()")


def test_on_paper_everything_is_open(show: Open) -> None:
    page = show(samples.large(500, 120))
    page.run("dispatchEvent(new Event('beforeprint'))")
    assert page.run(VISIBLE) == 120
    assert page.run("document.querySelectorAll('details:not([open])').length") == 0
    page.run("dispatchEvent(new Event('afterprint'))")
    assert page.run(VISIBLE) == 40


def test_without_script_it_can_be_read(browser: Tab, show: Open) -> None:
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.ask("Page.navigate", url="about:blank")
        page = render("html", Report.of(samples.broken()))
        frame = browser.ask("Page.getFrameTree")["frameTree"]["frame"]["id"]
        browser.ask("Page.setDocumentContent", frameId=frame, html=page)
        tree = browser.ask("DOMSnapshot.captureSnapshot", computedStyles=["display"])
    finally:
        browser.ask("Emulation.setScriptExecutionDisabled", value=False)
    shown = " ".join(tree["strings"])
    for words in ("The L7 policy shop/deny-writes has no waypoint", "DaemonSet istio-system/ztunnel", "payments/guard"):
        assert words in shown
