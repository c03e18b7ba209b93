# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Minimal CRDs of the Sail Operator's kinds: what tests of its users depend on, and no more.

Enums, defaults, immutability, names and the fields of `values` are those of the genuine CRDs, down to the level that
fields.json holds; below it anything is accepted.
"""

from __future__ import annotations

import copy
from typing import Any

from . import versions

Object = dict[str, Any]
GROUP = "sailoperator.io"
PROFILES = (
    "ambient default demo empty external openshift openshift-ambient preview remote stable".split()  # noqa: SIM905
)
FIRST_ZTUNNEL_V1, FIRST_TARGET_REF = 28, 30
"""Minor versions of the operator in which ZTunnel v1, and its targetRef (with the enum of a tag's), came."""
_ANY: Object = {"x-kubernetes-preserve-unknown-fields": True}
_ZTUNNEL_DEFAULTS = {"logLevel": "info", "terminationGracePeriodSeconds": 30}
"""What the API server adds to a ZTunnel's values.ztunnel."""
_IMMUTABLE = [{"rule": "self == oldSelf", "message": "Value is immutable"}]
_NAMED_DEFAULT = [{"rule": "self.metadata.name == 'default'", "message": "metadata.name must be 'default'"}]
_TARGET: Object = {
    "type": "object",
    "required": ["kind", "name"],
    "properties": {
        "kind": {"type": "string", "enum": ["Istio", "IstioRevision"]},
        "name": {"type": "string", "maxLength": 253},
    },
}
_OWN_NAMESPACE = "spec.values.global.istioNamespace must match spec.namespace"
_REVISION_NAME = "spec.values.revision must match metadata.name or be empty when the name is 'default'"


def _schema(fields: Any) -> Object:
    """The schema of a field of fields.json: a type's name, or a table of fields, whose unknown ones are pruned."""
    if isinstance(fields, dict):
        return {"type": "object", "properties": {name: _schema(each) for name, each in fields.items()}}
    if fields == "any":
        return dict(_ANY)
    if fields == "int-or-string":
        return {"x-kubernetes-int-or-string": True}
    if fields == "array":
        return {"type": "array", "items": dict(_ANY)}
    if fields == "object":
        return {"type": "object", **_ANY}
    return {"type": fields}


def _status(**more: str) -> Object:
    condition = {name: {"type": "string"} for name in ("type", "status", "reason", "message", "lastTransitionTime")}
    properties: Object = {
        "state": {"type": "string"},
        "observedGeneration": {"type": "integer", "format": "int64"},
        "conditions": {"type": "array", "items": {"type": "object", "properties": condition}},
    }
    properties |= {name: {"type": kind} for name, kind in more.items()}
    if "revisions" in more:
        counts = {name: {"type": "integer", "format": "int32"} for name in ("total", "ready", "inUse")}
        properties["revisions"] = {"type": "object", "properties": counts}
    return {"type": "object", "properties": properties}


def _version(name: str, spec: Object, status: Object, rules: list[Object], **more: Any) -> Object:
    root: Object = {
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }
    if rules:
        root["x-kubernetes-validations"] = rules
    schema = {"openAPIV3Schema": root}
    return {"name": name, "served": True, "storage": True, "subresources": {"status": {}}, "schema": schema, **more}


def _definition(kind: str, served: list[Object], short: str = "") -> Object:
    singular = kind.lower()
    plural = f"{singular}s"
    names: Object = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": singular}
    names |= {"categories": ["istio-io"], **({"shortNames": [short]} if short else {})}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Cluster", "versions": served},
    }


def _install(
    namespace: str, enum: list[str], values: Any, *, immutable: bool = True, profile: str | None = ""
) -> Object:
    """The spec that Istio, IstioCNI and ZTunnel share; a `profile` of None leaves that field out."""
    newest = next(each for each in enum if not each.endswith("-latest"))
    properties: Object = {
        "version": {"type": "string", "enum": enum, "default": newest},
        "namespace": {"type": "string", "default": namespace},
        "values": _schema(values),
    }
    if immutable:
        properties["namespace"]["x-kubernetes-validations"] = _IMMUTABLE
    default: Object = {"namespace": namespace, "version": newest}
    if profile is not None:
        properties["profile"] = {"type": "string", "enum": PROFILES, **({"default": profile} if profile else {})}
        default |= {"profile": profile} if profile else {}
    return {"type": "object", "required": ["namespace", "version"], "default": default, "properties": properties}


def _istio(known: Object) -> Object:
    spec = _install("istio-system", known["versions"], known["istio"])
    strategy = {
        "type": "object",
        "default": {"type": "InPlace"},
        "properties": {
            "type": {"type": "string", "enum": ["InPlace", "RevisionBased"], "default": "InPlace"},
            "inactiveRevisionDeletionGracePeriodSeconds": {"type": "integer", "format": "int64", "minimum": 0},
            "updateWorkloads": {"type": "boolean"},
        },
    }
    spec["properties"]["updateStrategy"] = strategy
    spec["default"]["updateStrategy"] = {"type": "InPlace"}
    unset = "!has(self.values) || !has(self.values.global) || !has(self.values.global.istioNamespace)"
    same = "self.values.global.istioNamespace == self.__namespace__"
    spec["x-kubernetes-validations"] = [{"rule": f"{unset} || {same}", "message": _OWN_NAMESPACE}]
    return _definition("Istio", [_version("v1", spec, _status(activeRevisionName="string", revisions="object"), [])])


def _revision(known: Object) -> Object:
    enum = [each for each in known["versions"] if not each.endswith("-latest")]
    spec: Object = {
        "type": "object",
        "required": ["namespace", "version"],
        "properties": {
            "version": {"type": "string", "enum": enum},
            "namespace": {"type": "string", "x-kubernetes-validations": _IMMUTABLE},
            "values": _schema(known["istio"]),
        },
        "x-kubernetes-validations": [
            {"rule": "self.values.global.istioNamespace == self.__namespace__", "message": _OWN_NAMESPACE}
        ],
    }
    empty = "!has(self.spec.values.revision) || size(self.spec.values.revision) == 0"
    rule = f"self.metadata.name == 'default' ? ({empty}) : self.spec.values.revision == self.metadata.name"
    served = _version("v1", spec, _status(), [{"rule": rule, "message": _REVISION_NAME}])
    return _definition("IstioRevision", [served], "istiorev")


def _ztunnel(known: Object, operator: str) -> Object:
    minor = versions.minor(operator)
    enum, values = known["ztunnelVersions"], known["ztunnel"]
    alpha_spec = _install("ztunnel", enum, values, immutable=False, profile="ambient")
    spec = _install("ztunnel", enum, values, immutable=False, profile=None)
    for each in (alpha_spec, spec):
        theirs = each["properties"]["values"]["properties"]["ztunnel"]["properties"]
        for name, value in _ZTUNNEL_DEFAULTS.items():
            theirs[name]["default"] = value
    alpha = _version("v1alpha1", alpha_spec, _status(), _NAMED_DEFAULT)
    if minor < FIRST_ZTUNNEL_V1:
        return _definition("ZTunnel", [alpha])
    more = {}
    if minor >= FIRST_TARGET_REF:
        spec["properties"]["targetRef"] = _TARGET
        more = {"istioRevision": "string"}
    alpha |= {"storage": False, "deprecated": True}
    return _definition("ZTunnel", [_version("v1", spec, _status(**more), _NAMED_DEFAULT), alpha])


def definitions(operator: str) -> list[Object]:
    """The five CRDs of an operator's release."""
    known = versions.fields(operator)
    cni = _install("istio-cni", known["versions"], known["cni"])
    target = copy.deepcopy(_TARGET)
    if versions.minor(operator) < FIRST_TARGET_REF:
        del target["properties"]["kind"]["enum"]
    tag: Object = {"type": "object", "required": ["targetRef"], "properties": {"targetRef": target}}
    tag_status = _status(istioRevision="string", istiodNamespace="string")
    return [
        _istio(known),
        _revision(known),
        _definition("IstioCNI", [_version("v1", cni, _status(), _NAMED_DEFAULT)]),
        _ztunnel(known, operator),
        _definition("IstioRevisionTag", [_version("v1", tag, tag_status, [])], "istiorevtag"),
    ]
