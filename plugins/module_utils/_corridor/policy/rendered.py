# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""`state: rendered`: the objects as they would be sent, in the order of writing, with no Secret's values in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._desired.policy.model import Document
from ..._desired.policy.secrets import shown
from ..._intent.policy import PolicyIntent
from ..._kube.kinds import Kind, known
from ..order import wave


def rendered(documents: Sequence[Document], intent: PolicyIntent) -> dict[str, Any]:
    """The keyword arguments of `exit_json`."""
    ordered = sorted(documents, key=lambda document: wave(_kind(document)))
    masked = any(document.obj["kind"] == "Secret" for document in ordered)
    notes = ["The values of Secrets are hidden, as everywhere in results."] if masked else []
    return {
        "changed": False,
        "manifests": [shown(document.obj) for document in ordered],
        "origins": [document.origin for document in ordered],
        "notes": notes,
    }


def _kind(document: Document) -> Kind:
    api_version, kind = document.obj["apiVersion"], document.obj["kind"]
    group, _slash, version = api_version.rpartition("/")
    return known(api_version, kind) or Kind(group, version, kind, kind.lower())
