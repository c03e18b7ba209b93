# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What translating policies speaks of, and the objects that it makes: copies, their names and annotations. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from ..._checks.policy.scene import Waypoint
from ..._checks.snapshot import Obj, annotations_of, labels_of, name_of, namespace_of, ref
from .blocker import Blocker
from .model import NARROWED_ANNOTATION, TLS_MODE, TLS_MODE_LABEL, TRANSLATED_ANNOTATION

# What an object is that a move has made: a policy's copy for the waypoint or for sidecars; what admits the waypoint to
# the workloads; what shuts out who does not come by it.
Role = Literal["waypoint", "sidecar", "admission", "protection"]
ROLE_ANNOTATION = "meshwright.io/translated-as"
# On a policy whose rules a move has changed in place: the rules as they were, as JSON.
RULES_ANNOTATION = "meshwright.io/rules-before"
# It makes a policy count only in the log: whoever leaves it off a copy puts the policy into force.
_DRY_RUN = "istio.io/dry-run"
BLOCKED = "untranslatable-policy"
_LONGEST = 253
# By these, tools tell what is theirs, to change or to delete it.
_OWNERS = ("applyset.kubernetes.io/", "argocd.argoproj.io/", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/")
_OWNER_LABELS = ("app.kubernetes.io/managed-by", "app.kubernetes.io/instance", "helm.sh/chart")


class Draft:
    """A translation in the making; see `translate.Translation`. Edits are (before, after, reason)."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.create: list[Obj] = []
        self.protection: list[Obj] = []
        self.edit: list[tuple[Obj, Obj, str]] = []
        self.last_edit: list[tuple[Obj, Obj, str]] = []
        self.first_remove: list[Obj] = []
        self.remove: list[Obj] = []
        self.impossible: list[Blocker] = []
        self.notes: list[str] = []

    def change(self, before: Obj, after: Obj, reason: str) -> None:
        """An edit before the restarts, if it changes anything."""
        if after != own(before):
            self.edit.append((before, after, reason))

    def block(self, policy: Obj, message: str, hint: str) -> None:
        self.impossible.append(Blocker(BLOCKED, self.namespace, ref(policy), message, hint))

    def note(self, said: str) -> None:
        if said not in self.notes:
            self.notes.append(said)


# -- narrowing -----------------------------------------------------------------------------------------------------


def narrow(obj: Obj) -> dict[str, Any]:
    """A policy for only those of its pods that have a sidecar; its selector is kept in an annotation."""
    found = own(obj)
    if NARROWED_ANNOTATION in annotations_of(obj):
        return found
    spec = found.setdefault("spec", {})
    before = spec.get("selector")
    _note(found, NARROWED_ANNOTATION, json.dumps(before, sort_keys=True))
    labels = {**((before or {}).get("matchLabels") or {}), TLS_MODE_LABEL: TLS_MODE}
    spec["selector"] = {**(before or {}), "matchLabels": labels}
    return found


def widen(obj: Obj) -> dict[str, Any]:
    """A policy as it was before a move narrowed it or changed its rules; one that no move has changed as it is."""
    found = own(obj)
    spec = found.setdefault("spec", {})
    for annotation, field in ((NARROWED_ANNOTATION, "selector"), (RULES_ANNOTATION, "rules")):
        kept = _unnote(found, annotation)
        if kept is None:
            continue
        before = json.loads(kept)
        if before is None:
            spec.pop(field, None)
        else:
            spec[field] = before
    return found


def is_changed(obj: Obj) -> bool:
    """Whether a move has changed it in place."""
    return not annotations_of(obj).keys().isdisjoint((NARROWED_ANNOTATION, RULES_ANNOTATION))


def with_rules(obj: Obj, rules: list[Any]) -> dict[str, Any]:
    """A policy with other rules, which keeps those it had at first in an annotation."""
    found = own(obj)
    spec = found.setdefault("spec", {})
    if RULES_ANNOTATION not in annotations_of(obj):
        if rules == (spec.get("rules") or []):
            return found
        _note(found, RULES_ANNOTATION, json.dumps(spec.get("rules"), sort_keys=True))
    spec["rules"] = rules
    return found


def plain(obj: Obj) -> dict[str, Any]:
    """A copy as a policy in its own right: nothing on it says that a move has made it."""
    found = widen(obj)
    for annotation in (TRANSLATED_ANNOTATION, ROLE_ANNOTATION):
        _unnote(found, annotation)
    return found


def own(obj: Obj) -> dict[str, Any]:
    """A copy that may be changed, without what only the server writes."""
    found: dict[str, Any] = _copy({key: value for key, value in obj.items() if key != "status"})
    found.get("metadata", {}).pop("managedFields", None)
    return found


def _copy(value: Any) -> Any:
    """Of what JSON can say; several times as fast as deepcopy, and there may be thousands."""
    if isinstance(value, Mapping):
        return {key: _copy(one) for key, one in value.items()}
    return [_copy(one) for one in value] if isinstance(value, list) else value


def _note(obj: dict[str, Any], annotation: str, value: str) -> None:
    meta = obj.setdefault("metadata", {})
    meta["annotations"] = {**(meta.get("annotations") or {}), annotation: value}


def _unnote(obj: dict[str, Any], annotation: str) -> str | None:
    annotations = dict(obj.get("metadata", {}).get("annotations") or {})
    found: str | None = annotations.pop(annotation, None)
    if found is not None:
        obj["metadata"]["annotations"] = annotations
        if not annotations:
            del obj["metadata"]["annotations"]
    return found


# -- what is made --------------------------------------------------------------------------------------------------


def made(source: Obj, role: Role, namespace: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """A complete object of the source's kind that stands for it."""
    labels = {key: value for key, value in labels_of(source).items() if not _owns(key)}
    annotations = {TRANSLATED_ANNOTATION: origin(source, namespace), ROLE_ANNOTATION: role}
    dry_run = annotations_of(source).get(_DRY_RUN)
    if dry_run is not None and role in ("waypoint", "sidecar"):
        annotations[_DRY_RUN] = dry_run
    meta = {"name": name, "namespace": namespace, **({"labels": labels} if labels else {}), "annotations": annotations}
    return {
        "apiVersion": source["apiVersion"],
        "kind": source["kind"],
        "metadata": meta,
        "spec": _copy(spec),
    }


def origin(source: Obj, namespace: str) -> str:
    """What TRANSLATED_ANNOTATION says of a source: `Kind/name`, of another namespace `Kind/namespace/name`."""
    home = namespace_of(source)
    return "/".join((str(source["kind"]), *(() if home == namespace else (home,)), name_of(source)))


def role_of(obj: Obj) -> str:
    """What a move has made this object for; "" for one that no move has made."""
    return str(annotations_of(obj).get(ROLE_ANNOTATION, ""))


def origin_of(obj: Obj) -> str:
    return str(annotations_of(obj).get(TRANSLATED_ANNOTATION, ""))


def origin_ref(obj: Obj) -> str:
    """What a copy stands for, as people name it."""
    parts = origin_of(obj).split("/")
    return f"{parts[0]} {parts[1] if len(parts) == 3 else namespace_of(obj)}/{parts[-1]}"


def is_dry_run(obj: Obj) -> bool:
    return str(annotations_of(obj).get(_DRY_RUN, "")).lower() in ("true", "1", "t")


def named(name: str, suffix: str) -> str:
    """`name` with `suffix`; where that is too long for a name, cut, and told apart by a hash."""
    whole = f"{name}{suffix}"
    if len(whole) <= _LONGEST:
        return whole
    mark = f"-{hashlib.sha256(name.encode()).hexdigest()[:8]}{suffix}"
    return name[: _LONGEST - len(mark)].rstrip("-.") + mark


def owner(obj: Obj) -> str:
    """Whose an object is, who may bring it back or change it again: a label or annotation in words, or ""."""
    for key in (*labels_of(obj), *annotations_of(obj)):
        if key.startswith(_OWNERS):
            return key
    return "app.kubernetes.io/managed-by" if labels_of(obj).get("app.kubernetes.io/managed-by") == "Helm" else ""


def _owns(key: str) -> bool:
    return key.startswith(_OWNERS) or key in _OWNER_LABELS


def principal(client: Waypoint, trust_domain: str) -> str:
    """Of a namespace and service account."""
    return f"{trust_domain}/ns/{client.namespace}/sa/{client.name}"
