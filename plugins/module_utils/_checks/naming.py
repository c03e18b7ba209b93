# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Revisions and tags by name: which there are, who answers to a name, and who would inject a pod. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from . import mesh, selectors
from .snapshot import Snapshot, annotations_of, dig, labels_of

REVISION = "istio.io/rev"
TAG = "istio.io/tag"
INJECTION = "istio-injection"
INJECT = "sidecar.istio.io/inject"
MODE = "istio.io/dataplane-mode"
STATUS = "sidecar.istio.io/status"


def revision_of(hook: mesh.Webhook) -> str:
    """The revision whose istiod an injector calls."""
    revision = labels_of(hook.configuration).get(REVISION)
    if revision:
        return str(revision)
    # what is not labelled tells by the name of the Service that it calls
    return hook.service[1].removeprefix("istiod-") if hook.service and hook.service[1] != "istiod" else "default"


def tag_of(hook: mesh.Webhook) -> str:
    """The tag that an injector makes, empty for that of a revision itself."""
    return str(labels_of(hook.configuration).get(TAG) or "")


def tags(snapshot: Snapshot) -> dict[str, list[mesh.Webhook]]:
    """The tags there are by their injectors, whoever made them: Helm, istioctl, the Sail Operator."""
    found: dict[str, list[mesh.Webhook]] = {}
    for hook in mesh.injectors(snapshot):
        if tag_of(hook):
            found.setdefault(tag_of(hook), []).append(hook)
    return found


def known(snapshot: Snapshot) -> set[str]:
    """Every name that the label `istio.io/rev` may give: revisions and tags."""
    names = {plane.revision for plane in mesh.control_planes(snapshot)}
    for hook in mesh.injectors(snapshot):
        # a tag's injector names a revision that may be gone: that is MW0005's to say, and no revision
        names.add(tag_of(hook) or revision_of(hook))
    return names


def injecting(hooks: Iterable[mesh.Webhook], namespace: Mapping[str, str], pod: Mapping[str, str]) -> set[str]:
    """The revisions that would inject a pod with these labels, in a namespace with those, if it were made now."""
    return {
        revision_of(hook)
        for hook in hooks
        if selectors.matches(hook.body.get("namespaceSelector"), namespace)
        and selectors.matches(hook.body.get("objectSelector"), pod)
    }


def agent_revision(daemon_set: Mapping[str, object]) -> str:
    """The revision that a DaemonSet's pods name in their annotation, empty when they name none."""
    template = dig(daemon_set, "spec", "template") or {}
    return str(annotations_of(template).get(REVISION) or "")
