# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What of the mesh's own settings a move has to know: the trust domain, in whose name waypoints speak."""

from __future__ import annotations

from typing import Any

try:
    import yaml
except ImportError:  # The kubernetes package, without which nothing here runs, brings it along.
    yaml = None  # type: ignore[assignment]

from ..._checks.snapshot import Obj, dig, name_of
from ..._desired.enrollment.translate import TRUST_DOMAIN
from ..._errors import Forbidden
from ..._kube import kinds
from ..._kube.client import Client

# istiod reads `istio`, or of a revision `istio-<revision>`.
_NAME = "istio"


def trust_domain(client: Client, namespace: str) -> str:
    """The trust domain of the control plane in this namespace; the default one where it says nothing else."""
    try:
        found = client.list(kinds.CONFIG_MAP, namespace)
    except Forbidden:
        return TRUST_DOMAIN
    named = [one for one in found if name_of(one) == _NAME or name_of(one).startswith(f"{_NAME}-")]
    return next(filter(None, map(trust_domain_of, sorted(named, key=name_of))), TRUST_DOMAIN)


def trust_domain_of(config_map: Obj) -> str:
    """What a ConfigMap of mesh settings says; "" for one that holds none, or that is no such ConfigMap."""
    try:
        mesh: Any = yaml.safe_load(dig(config_map, "data", "mesh") or "")
    except yaml.YAMLError:
        return ""
    return str(mesh.get("trustDomain") or "") if isinstance(mesh, dict) else ""
