# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Helm values from specs. Pure."""

from __future__ import annotations

import copy
from typing import Any

Object = dict[str, Any]
AMBIENT = "ambient"


def merge(base: Object, over: Object) -> Object:
    """Both, `over` winning; tables are merged, everything else is replaced."""
    result = copy.deepcopy(base)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def _profile(spec: Object, default: str = "") -> Object:
    profile = spec.get("profile") or default
    return {} if profile in ("", "default") else {"profile": profile}


def of_revision(istio: Object, revision: str) -> Object:
    """values of the IstioRevision that an Istio makes."""
    spec = istio["spec"]
    defaults: Object = {"global": {"configValidation": True}, **_profile(spec)}
    own: Object = {
        "global": {"istioNamespace": spec["namespace"]},
        "revision": "" if revision == "default" else revision,
    }
    return merge(merge(defaults, spec.get("values") or {}), own)


def of_tag(revision: Object, tag: str) -> Object:
    """Values of the chart of revision tags."""
    values = revision["spec"].get("values") or {}
    return {**values, "revisionTags": [tag], "defaultRevision": values.get("revision") or "default"}


def of_cni(spec: Object) -> Object:
    return merge(_profile(spec), spec.get("values") or {})


def of_ztunnel(spec: Object, target: Object | None) -> Object:
    """Values of ztunnel's chart: what the target revision says, the user's over it, and their `ztunnel` on top."""
    copied: Object = {}
    if target is not None:
        theirs = target["spec"].get("values") or {}
        copied = {name: theirs[name] for name in ("global", "meshConfig") if theirs.get(name)}
        copied["revision"] = theirs.get("revision", "")
    own = spec.get("values") or {}
    values = merge(merge(_profile(spec, AMBIENT), copied), {key: own[key] for key in own if key != "ztunnel"})
    return merge(values, own.get("ztunnel") or {})
