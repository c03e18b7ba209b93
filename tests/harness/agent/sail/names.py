# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the operator calls things. Pure."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
GROUP = "sailoperator.io"
FINALIZER = "sailoperator.io/sail-operator"
IGNORE = "sailoperator.io/ignore"
MANAGED_BY = {"managed-by": "sail-operator"}
PLURALS = {
    "Istio": "istios",
    "IstioRevision": "istiorevisions",
    "IstioRevisionTag": "istiorevisiontags",
    "IstioCNI": "istiocnis",
    "ZTunnel": "ztunnels",
}
DEFAULT = "default"
BASED_ON_REVISIONS = "RevisionBased"


def revision(istio: Object) -> str:
    """The name of an Istio's active revision, from its literal version: an alias stays one."""
    name, spec = str(istio["metadata"]["name"]), istio["spec"]
    if (spec.get("updateStrategy") or {}).get("type") != BASED_ON_REVISIONS:
        return name
    return f"{name}-{spec['version'].replace('.', '-')}"


def suffix(revision_name: str) -> str:
    """What a revision adds to its objects' names: nothing for `default`."""
    return "" if revision_name == DEFAULT else f"-{revision_name}"


def istiod(revision_name: str) -> str:
    """Service and Deployment of a revision."""
    return f"istiod{suffix(revision_name)}"


def release(name: str, chart: str) -> str:
    """The Helm release of a revision's or a tag's chart."""
    return f"{name}-{chart}"


def path(kind: str, version: str, name: str = "", subresource: str = "") -> str:
    """The address of one of the operator's kinds, or of one of its objects."""
    return "/".join(filter(None, [f"/apis/{GROUP}/{version}/{PLURALS[kind]}", name, subresource]))


def owner(kind: str, version: str, item: Object) -> Object:
    """An owner reference to the object, as the operator writes it."""
    return {
        "apiVersion": f"{GROUP}/{version}",
        "kind": kind,
        "name": item["metadata"]["name"],
        "uid": item["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def is_owned(item: Object, uid: str) -> bool:
    return any(each.get("uid") == uid for each in item["metadata"].get("ownerReferences") or ())
