# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What differs between the object that should be, the one that is, and the one the server predicts. Pure.

Nothing here decides by a verb: `changed` is a comparison of two objects, less what controllers own.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from .._checks.quantities import holds_quantities, same_quantity
from . import fields

Obj = dict[str, Any]

_SERVER_METADATA = {
    "managedFields",
    "generation",
    "resourceVersion",
    "uid",
    "creationTimestamp",
    "selfLink",
    "deletionGracePeriodSeconds",
}
# Written by controllers and clients about their own work.
_NOISE_ANNOTATIONS = {"kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision"}
_WEBHOOK_KINDS = {"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}

# Keyed lists of built-in kinds, for objects whose managed fields do not say (Helm renders, recordings).
_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "imagePullSecrets": ("name",),
    "webhooks": ("name",),
    "validations": ("expression",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "versions": ("name",),
    "secrets": ("name",),
    "listeners": ("name",),
}
_PROTOCOL = "protocol"


def clean(obj: Obj) -> Obj:
    """The object less what servers and controllers own. Shares what it keeps with `obj`: do not change it.

    Left out: managedFields, status, generation, resourceVersion, uid, timestamps, annotations that tools keep
    for themselves, every `caBundle`, and the `failurePolicy` of Istio's webhooks, which istiod rewrites.
    """
    kept = {key: value for key, value in obj.items() if key not in ("status", "metadata")}
    metadata = {key: value for key, value in (obj.get("metadata") or {}).items() if key not in _SERVER_METADATA}
    annotations = metadata.get("annotations")
    if annotations and not _NOISE_ANNOTATIONS.isdisjoint(annotations):
        metadata["annotations"] = {key: value for key, value in annotations.items() if key not in _NOISE_ANNOTATIONS}
    if not metadata.get("annotations"):
        metadata.pop("annotations", None)
    kept["metadata"] = metadata
    kind = obj.get("kind")
    if kind in _WEBHOOK_KINDS:
        kept["webhooks"] = [_clean_webhook(webhook, obj) for webhook in obj.get("webhooks") or []]
    elif kind in ("CustomResourceDefinition", "APIService"):
        kept["spec"] = _without_ca(obj.get("spec") or {})
    return kept


def _clean_webhook(webhook: Obj, owner: Obj) -> Obj:
    kept = {key: value for key, value in webhook.items() if key != "failurePolicy" or not _istio_owns(owner, webhook)}
    if "clientConfig" in kept:
        kept["clientConfig"] = {key: value for key, value in kept["clientConfig"].items() if key != "caBundle"}
    return kept


def _istio_owns(owner: Obj, webhook: Obj) -> bool:
    labels = (owner.get("metadata") or {}).get("labels") or {}
    return "istio.io/rev" in labels or str(webhook.get("name", "")).endswith("istio.io")


def _without_ca(spec: Obj) -> Obj:
    """A CRD's or APIService's spec less the CA bundle that an injector writes."""
    kept = {key: value for key, value in spec.items() if key != "caBundle"}
    conversion = spec.get("conversion") or {}
    client = (conversion.get("webhook") or {}).get("clientConfig") or {}
    if "caBundle" in client:
        slim = {key: value for key, value in client.items() if key != "caBundle"}
        kept["conversion"] = {**conversion, "webhook": {**conversion["webhook"], "clientConfig": slim}}
    return kept


def is_applied(desired: Obj, live: Obj, manager: str) -> bool:
    """Whether applying `desired` again would change nothing, by what the live object says of itself.

    Sufficient, not necessary: our Apply entry is of the same apiVersion, owns exactly the desired fields, and
    their live values are the desired ones. False means "ask the server", not "differs".
    """
    if (live.get("metadata") or {}).get("deletionTimestamp"):
        return False
    wanted = {key: value for key, value in desired.items() if key not in ("apiVersion", "kind", "metadata", "status")}
    metadata = {
        key: value for key, value in (desired.get("metadata") or {}).items() if key not in ("name", "namespace")
    }
    entry = fields.applied_entry(live, manager)
    if entry is None:
        # The server keeps no entry for an apply without any field: being there is all that was asked.
        return not wanted and not metadata
    if entry.get("apiVersion") != desired.get("apiVersion"):
        return False
    owned = entry.get("fieldsV1") or {}
    if metadata or "f:metadata" in owned:
        wanted["metadata"] = metadata
    return fields.owns_exactly(owned, wanted, live)


def same(live: Obj, predicted: Obj) -> bool:
    """Whether two states of an object are equal, less what controllers own."""
    return fields.exact(clean(live), clean(predicted))


def drift(desired: Obj, live: Obj) -> list[str]:
    """Paths of the fields where `live` lacks or differs from `desired`, in desired's order; [] when it has all.

    Fields that `desired` does not mention are other managers' or defaults, and no drift. Keyed lists are matched
    by key, quantities by value, and an empty value equals an absent one. Replicas that an autoscaler set are its own.
    """
    wanted = clean(desired)
    # The same object may be read in another version than the one it was written in.
    wanted.pop("apiVersion", None)
    if desired.get("kind") == "Secret" and desired.get("stringData"):
        encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in desired["stringData"].items()}
        wanted["data"] = {**(desired.get("data") or {}), **encoded}
        wanted.pop("stringData")
    if fields.scaled_by_others(live) and "replicas" in (wanted.get("spec") or {}):
        wanted["spec"] = {key: value for key, value in wanted["spec"].items() if key != "replicas"}
    if desired.get("kind") == "ClusterRole" and "aggregationRule" in desired:
        wanted.pop("rules", None)
    found: list[str] = []
    _Drift(found, exact_lists=".istio.io/" in f"{desired.get('apiVersion', '')}").compare(
        wanted, clean(live), fields.merge_fields(live), "", "", ""
    )
    return found


class _Drift:
    """One comparison; `exact_lists`: list items have no server-side defaults, so more in them is drift too."""

    def __init__(self, found: list[str], *, exact_lists: bool) -> None:
        self.found = found
        self.exact_lists = exact_lists

    def compare(self, wanted: Any, live: Any, owned: Obj, path: str, parent: str, field: str) -> None:
        if isinstance(wanted, dict) and isinstance(live, dict):
            for key, value in wanted.items():
                below = f"{path}.{key}" if path else str(key)
                self.compare(value, live.get(key), owned.get(f"f:{key}") or {}, below, field, key)
        elif isinstance(wanted, list) and isinstance(live, list):
            self._lists(wanted, live, owned, path, field)
        elif not fields.exact(wanted, live) and not self._alike(wanted, live, parent, field):
            self.found.append(path)

    def _alike(self, wanted: Any, live: Any, parent: str, field: str) -> bool:
        if live is None and not wanted:
            return True
        if live is None and isinstance(wanted, dict):
            return all(self._alike(value, None, field, key) for key, value in wanted.items())
        return holds_quantities(parent, field) and same_quantity(wanted, live)

    def _lists(self, wanted: list[Any], live: list[Any], owned: Obj, path: str, field: str) -> None:
        names = [name for name in owned if name != "."]
        if names and all(name.startswith("v:") for name in names):
            for value in wanted:
                if not any(fields.exact(value, other) for other in live):
                    self.found.append(f"{path}[{value}]")
            return
        keys = (
            tuple(fields.parsed_key(names[0]))
            if names and names[0].startswith("k:")
            else self._known_keys(wanted, field)
        )
        if keys:
            self._keyed(wanted, live, owned, path, field, keys)
            return
        if len(wanted) != len(live) or (self.exact_lists and not fields.exact(wanted, live)):
            self.found.append(path)
            return
        for at, (one, other) in enumerate(zip(wanted, live, strict=True)):
            self.compare(one, other, {}, f"{path}[{at}]", field, field)

    def _known_keys(self, wanted: list[Any], field: str) -> tuple[str, ...]:
        if self.exact_lists or not all(isinstance(item, dict) for item in wanted):
            return ()
        if field == "ports":
            for key in ("containerPort", "port"):
                if wanted and all(key in item for item in wanted):
                    return (key, _PROTOCOL)
        keys = _KEYS.get(field, ())
        return keys if all(key in item for item in wanted for key in keys) else ()

    def _keyed(
        self, wanted: list[Any], live: list[Any], owned: Obj, path: str, field: str, keys: tuple[str, ...]
    ) -> None:
        there = {_identity(item, keys): item for item in live if isinstance(item, dict)}
        below = {_identity(fields.parsed_key(name), keys): owned[name] for name in owned if name.startswith("k:")}
        for item in wanted:
            identity = _identity(item, keys)
            named = ",".join(f"{key}={item[key]}" for key in keys if key in item)
            if identity not in there:
                self.found.append(f"{path}[{named}]")
            else:
                self.compare(item, there[identity], below.get(identity) or {}, f"{path}[{named}]", field, field)


def _identity(item: Obj, keys: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(item.get(key, "TCP" if key == _PROTOCOL else None) for key in keys)


def changed_paths(before: Obj, after: Obj) -> list[str]:
    """Paths of all fields in which two cleaned states differ, whichever has them; lists by position."""
    found: list[str] = []
    _changed(before, after, "", found)
    return found


def _changed(before: Any, after: Any, path: str, found: list[str]) -> None:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            _changed(before.get(key), after.get(key), f"{path}.{key}" if path else str(key), found)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for at, (one, other) in enumerate(zip(before, after, strict=True)):
            _changed(one, other, f"{path}[{at}]", found)
    elif not fields.exact(before, after):
        found.append(path)


def before_after(live: Obj | None, predicted: Obj) -> tuple[Obj, Obj]:
    """Both states as a diff may show them: cleaned, and no Secret's values in them. `before` is {} for a new object."""
    before, after = clean(live) if live else {}, clean(predicted)
    if predicted.get("kind") == "CustomResourceDefinition":
        return _summed_up(before), _summed_up(after)
    if predicted.get("kind") != "Secret" and (live or {}).get("kind") != "Secret":
        return before, after
    return _masked(before, after)


def _summed_up(crd: Obj) -> Obj:
    """A CRD with its schemas as digests: they are tens of kilobytes each, and nobody reads them in a diff."""
    versions = (crd.get("spec") or {}).get("versions")
    if not versions:
        return crd
    short = []
    for version in versions:
        digest = hashlib.sha256(json.dumps(version.get("schema"), sort_keys=True).encode()).hexdigest()
        short.append({**version, "schema": f"(sha256 {digest[:12]})"} if "schema" in version else version)
    return {**crd, "spec": {**crd["spec"], "versions": short}}


def _masked(before: Obj, after: Obj) -> tuple[Obj, Obj]:
    """Values hidden, but told apart: a diff still shows which keys changed."""
    before, after = dict(before), dict(after)
    for part in ("data", "stringData"):
        old, new = before.get(part) or {}, after.get(part) or {}
        if part in before:
            before[part] = dict.fromkeys(old, "(hidden)")
        if part in after:
            after[part] = {
                key: "(hidden)" if key not in old or old[key] == value else "(hidden, changed)"
                for key, value in new.items()
            }
    return before, after
