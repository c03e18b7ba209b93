# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of istioctl analyze's messages (1.31) our checks say too. docs/analyzers.md has the words."""

from __future__ import annotations

COVERED: dict[str, tuple[str, ...]] = {
    "IST0101": ("MW0034", "MW0052"),
    "IST0103": ("MW0042",),
    "IST0106": ("MW0054",),
    "IST0109": ("MW0034",),
    "IST0110": ("MW0052",),
    "IST0111": ("MW0052",),
    "IST0112": ("MW0034",),
    "IST0118": ("MW0053",),
    "IST0127": ("MW0052",),
    "IST0132": ("MW0034",),
    "IST0145": ("MW0034",),
    "IST0150": ("MW0053",),
    "IST0159": ("MW0052",),
    "IST0160": ("MW0052",),
    "IST0162": ("MW0034",),
    "IST0166": ("MW0031",),
    "IST0167": ("MW0031",),
    "IST0171": ("MW0034",),
    "IST0173": ("MW0034",),
    "IST0174": ("MW0034",),
    "IST0177": ("MW0034",),
}
"""IST code -> the checks of which one says it. Each is put on a cluster by test_analyzers.py."""

ELSEWHERE: dict[str, str] = {
    "IST0123": "labels of a namespace: the pairs of MW0020 and MW0021",
    "IST0139": "webhooks of the whole mesh: the pairs of MW0017 and MW0018",
    "IST0156": "the Gateway API's CRDs of the whole cluster: the tables of MW0025",
    "IST0158": "a second version of the proxies: test_revisions.py",
    "IST0172": "as IST0156",
    "IST0176": "as IST0156",
}
"""IST code -> why a namespace of the shared mesh is no place for it, and where ours is tested."""
