# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever text comes from a cluster, it stays text in every format."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from xml.etree.ElementTree import fromstring

import pytest
from ansible_collections.meshwright.istio.plugins.module_utils._reports.markdown import code, fenced, markup, prose
from ansible_collections.meshwright.istio.plugins.module_utils._reports.model import Report
from ansible_collections.meshwright.istio.plugins.module_utils._reports.page.markup import Markup, data, el
from ansible_collections.meshwright.istio.plugins.module_utils._reports.render import FORMATS, render

from . import samples

TEXTS = {
    "an image": samples.MARKUP,
    "an end of script": "</script><script>run()</script><!--",
    "an attribute": '" onmouseover="run()" x=\'',
    "an end of comment": "--><b id=injected>",
    "an end of CDATA": "]]></failure><injected/>",
    "control characters": "a\x00b\x08c\x1b[31md\x7f\ud800\ufffe",
    "backticks and pipes": "`a` ``b`` | c | <injected> @someone #12 !3 [x](https://evil.example)",
    "line separators": "a\u2028alert(1)\u2029b",
    "entities": "&lt;script&gt; &amp; &#60;injected&#62;",
}


class Reader(HTMLParser):
    """What a browser would find: the tags with their attributes, and the text between them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: set[str] = set()
        self.ids: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names |= {name for name, value in attrs}
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_page_has_no_element_of_the_cluster_s(text: str) -> None:
    reader = read(render("html", Report.of(samples.hostile(text), about={"waves": samples.WAVES})))
    assert reader.tags.count("script") == 2
    assert not {"img", "injected", "iframe", "b-x", "object", "embed", "form"} & set(reader.tags)
    assert not {name for name in reader.names if name.startswith("on") or name in ("src", "style", "srcdoc")}
    assert "injected" not in reader.ids


def test_a_page_shows_the_text_as_it_is() -> None:
    reader = read(render("html", Report.of(samples.hostile())))
    assert samples.MARKUP in "".join(reader.text)


def test_a_page_loads_nothing_and_runs_only_its_own() -> None:
    page = render("html", Report.of(samples.hostile()))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    said = policy[1].replace("&#x27;", "'")
    assert said.startswith("default-src 'none'; ")
    assert "unsafe" not in said
    for tag in ("style", "script"):
        body = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert body
        assert f"sha256-{base64.b64encode(hashlib.sha256(body[1].encode()).digest()).decode()}" in said
        assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttp|innerHTML|insertAdjacentHTML|eval\(", body[1])
    assert not re.search(r"<(link|img|iframe|object|embed|base|form)\b", page)
    assert not re.search(r'href="(?!#)', page)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_data_of_a_page_stays_data(text: str) -> None:
    page = render("html", Report.of(samples.hostile(text)))
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    assert not re.search(r"[<>&\u2028\u2029]", found[1])
    assert len(json.loads(found[1])["namespaces"]) == 21


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_junit_is_well_formed_whatever_it_says(text: str) -> None:
    root = fromstring(render("junit", Report.of(samples.hostile(text))).encode("utf-8"))
    assert not list(root.iter("injected"))
    assert len(list(root.iter("testcase"))) == len(samples.checks([])) + 3


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("format", FORMATS)
def test_every_format_can_be_written(format: str, text: str) -> None:
    whole = render(format, Report.of(samples.hostile(text)))
    assert whole.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", whole)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_markdown_has_no_markup_of_the_cluster_s(text: str) -> None:
    whole = render("markdown", Report.of(samples.hostile(text), about={"waves": samples.WAVES}))
    outside = re.sub(r"(?ms)^(`{3,})text\n.*?^\1$", "", whole)
    outside = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", outside)
    tags = {re.split(r"[ >]", tag)[0].strip("</") for tag in re.findall(r"<[^>]*>", outside)}
    assert tags <= {"details", "summary", "b", "sub"}
    assert not re.search(r"@[A-Za-z]|#\d|!\d|https?://\w", outside)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a|b", "a\\|b"),
        ("*a* _b_ `c`", "\\*a\\* \\_b\\_ \\`c\\`"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("[x](y)", "\\[x\\]\\(y\\)"),
        ("ask @someone", "ask @\u200bsomeone"),
        ("see #12 and GH-12", "see \\#\u200b12 and GH\u200b-12"),
        ("http://evil.example", "http://\u200bevil.example"),
        ("www.evil.example", "www\u200b.evil.example"),
        ("plain words, 3 of 5.", "plain words, 3 of 5."),
    ],
)
def test_prose_in_markdown_names_nobody(given: str, shown: str) -> None:
    assert prose(given) == shown


@pytest.mark.parametrize(
    ("given", "shown"),
    [("a", "`a`"), ("a`b", "``a`b``"), ("`a", "`` `a ``"), ("a``b`c", "```a``b`c```"), ("a|b", "`a|b`")],
)
def test_code_in_markdown_holds_any_backticks(given: str, shown: str) -> None:
    assert code(given) == shown


def test_code_in_a_table_and_a_fence() -> None:
    assert code("a|b", in_table=True) == "`a\\|b`"
    assert fenced("a ``` b") == "````text\na ``` b\n````"
    assert markup("<i>@you") == "&lt;i&gt;@\u200byou"


def test_elements_escape_what_is_not_markup() -> None:
    shown = el("p", "<b>", el("i", "&"), None, ["x", '"'], title='"<', hidden=True, cls="a", data_x=None)
    assert shown == '<p title="&quot;&lt;" hidden class="a">&lt;b&gt;<i>&amp;</i>x&quot;</p>'
    assert isinstance(shown, Markup)
    assert data("</script>\u2028&") == '"\\u003c/script\\u003e\\u2028\\u0026"'
