# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/checks.md says what the registry says."""

from __future__ import annotations

from ansible_collections.meshwright.istio.plugins.module_utils._checks import sources
from ansible_collections.meshwright.istio.plugins.module_utils._corridor.snapshot import SOURCES

from tools import checks_page


def test_the_page_is_up_to_date() -> None:
    assert checks_page.PAGE.read_text(encoding="utf-8") == checks_page.page(), "run python tools/checks_page.py"


def test_every_source_says_which_right_it_needs() -> None:
    assert sorted(checks_page.RIGHTS) == sorted({*SOURCES, *sources.INSIDE})


def test_what_is_listed_everywhere_is_one_phrase() -> None:
    told = checks_page.rights_of(("pods", "nodes", "ingresses", "proxies"))
    assert told == "list pods, ingresses.networking.k8s.io in all namespaces; list nodes"
    assert checks_page.rights_of(("pods", "nodes")) == "list pods in all namespaces; list nodes"


def test_the_page_is_no_wider_than_other_text() -> None:
    assert max(map(len, checks_page.page().splitlines())) <= 120
