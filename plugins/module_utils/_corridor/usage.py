# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Who uses which revision of istiod, through labels, tags and what pods really run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._checks import mesh
from .._checks.skew import revision_of, workload_of
from .._checks.snapshot import Obj, Snapshot, Source, annotations_of, dig, labels_of, name_of, namespace_of, ref
from .._kube import kinds
from .._kube.client import Client

REVISION_LABEL = "istio.io/rev"
TAG_LABEL = "istio.io/tag"
INJECTION_LABEL = "istio-injection"
_PROXY_LABEL = "service.istio.io/canonical-name"
_STATUS = "sidecar.istio.io/status"
_MANAGED = "gateway.istio.io/managed"
_GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
_CONTROLLERS = "istio.io/"
_DEFAULT = "default"
_RUNNING = "status.phase!=Succeeded,status.phase!=Failed"


@dataclass(frozen=True, slots=True)
class Proxy:
    """One pod with a proxy in it. `gateway` is "namespace/name" of the Gateway that it was made for, or ""."""

    namespace: str
    name: str
    revision: str
    workload: str
    gateway: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """All that names a revision. Namespaces, Gateways and ztunnels name a revision or a tag; proxies run a revision.

    `revisions` are those with an istiod; `namespaces` {name: revision or tag}; `gateways` {"namespace/name": revision
    or tag}; `ztunnels` {"DaemonSet namespace/name": revision or tag}; `tags` {tag: revision}.
    """

    revisions: frozenset[str] = frozenset()
    tags: Mapping[str, str] = field(default_factory=dict)
    namespaces: Mapping[str, str] = field(default_factory=dict)
    injection: frozenset[str] = frozenset()
    gateways: Mapping[str, str] = field(default_factory=dict)
    ztunnels: Mapping[str, str] = field(default_factory=dict)
    proxies: tuple[Proxy, ...] = ()

    def resolve(self, name: str) -> str:
        """The revision behind a tag; a name that is no tag is a revision already."""
        return self.tags.get(name, name)

    def of(self, revision: str) -> list[str]:
        """Everything that uses the revision, as people name it; [] when nothing does."""
        found = [f"tag {tag}" for tag, target in sorted(self.tags.items()) if target == revision]
        for name in self.namespaces_on(revision):
            asked = self.namespaces[name]
            how = f"{INJECTION_LABEL}=enabled" if name in self.injection else f"{REVISION_LABEL}={asked}"
            found.append(f"Namespace {name} ({how})")
        found += [f"Gateway {name}" for name in self.gateways_on(revision)]
        found += self.ztunnels_on(revision)
        for workload, pods in self.pods_on(revision).items():
            found.append(f"{workload} ({len(pods)} {'pod' if len(pods) == 1 else 'pods'})")
        return found

    def namespaces_on(self, name: str) -> list[str]:
        """Namespaces whose new pods get this revision; or, given a tag, those that name this tag."""
        return _named(self.namespaces, name, self)

    def gateways_on(self, name: str) -> list[str]:
        """Istio's Gateways ("namespace/name") of this revision or, given a tag, those that name it."""
        return _named(self.gateways, name, self)

    def ztunnels_on(self, name: str) -> list[str]:
        """The ztunnel DaemonSets bound to this revision or tag, as `DaemonSet namespace/name`."""
        return _named(self.ztunnels, name, self)

    def pods_on(self, revision: str) -> dict[str, list[str]]:
        """Pods ("namespace/name") whose proxy is of this revision, by the workload that owns them."""
        found: dict[str, list[str]] = {}
        for proxy in self.proxies:
            if proxy.revision == revision:
                found.setdefault(proxy.workload, []).append(f"{proxy.namespace}/{proxy.name}")
        return {workload: sorted(pods) for workload, pods in sorted(found.items())}

    def unused(self) -> list[str]:
        """Revisions that have an istiod and that nothing uses."""
        return sorted(revision for revision in self.revisions if not self.of(revision))


def _named(table: Mapping[str, str], name: str, usage: Usage) -> list[str]:
    """The keys that name this tag, or that end at this revision by whatever way.

    `default` may be both: as a tag it is what namespaces with istio-injection=enabled name.
    """
    if name in usage.tags and name not in usage.revisions:
        return sorted(key for key, target in table.items() if target == name)
    return sorted(key for key, target in table.items() if usage.resolve(target) == name)


def read_usage(client: Client) -> Usage:
    """Read it, in parallel, mostly names and labels only. Raises what the API server says: half of it is no answer."""
    reads: list[Callable[[], list[dict[str, Any]]]] = [
        lambda: client.list(kinds.NAMESPACE, metadata_only=True),
        lambda: client.list(kinds.POD, labels=_PROXY_LABEL, fields=_RUNNING, metadata_only=True),
        lambda: client.list(kinds.MUTATING_WEBHOOK, labels=TAG_LABEL, metadata_only=True),
        lambda: client.list(kinds.DEPLOYMENT, labels="app=istiod", metadata_only=True),
        lambda: client.list(kinds.DAEMON_SET),
        # Where the kind is not served, a user with few rights would hear that he may not list it.
        lambda: client.list(kinds.GATEWAY_CLASS) if client.served(kinds.GATEWAY_CLASS) else [],
        lambda: client.list(kinds.GATEWAY) if client.served(kinds.GATEWAY) else [],
    ]
    namespaces, pods, tags, istiods, daemon_sets, classes, gateways = client.many(lambda read: read(), reads)
    return usage_of(
        namespaces=namespaces,
        pods=pods,
        tag_webhooks=tags,
        istiods=istiods,
        daemon_sets=daemon_sets,
        gateway_classes=classes,
        gateways=gateways,
    )


def usage_of(
    *,
    namespaces: Iterable[Obj] = (),
    pods: Iterable[Obj] = (),
    tag_webhooks: Iterable[Obj] = (),
    istiods: Iterable[Obj] = (),
    daemon_sets: Iterable[Obj] = (),
    gateway_classes: Iterable[Obj] = (),
    gateways: Iterable[Obj] = (),
) -> Usage:
    """The usage that these objects show; names and labels are enough but for DaemonSets, GatewayClasses, Gateways."""
    spaces = list(namespaces)
    asked = {name_of(space): target for space in spaces if (target := _target(labels_of(space)))}
    space_revisions = {name_of(space): str(labels_of(space).get(REVISION_LABEL, "")) for space in spaces}
    ours = {name_of(one) for one in gateway_classes if str(dig(one, "spec", "controllerName")).startswith(_CONTROLLERS)}
    return Usage(
        revisions=frozenset(str(labels_of(one).get(REVISION_LABEL) or _DEFAULT) for one in istiods),
        tags={
            str(labels_of(hook)[TAG_LABEL]): str(labels_of(hook).get(REVISION_LABEL) or _DEFAULT)
            for hook in tag_webhooks
            if labels_of(hook).get(TAG_LABEL)
        },
        namespaces=asked,
        injection=frozenset(name_of(space) for space in spaces if labels_of(space).get(INJECTION_LABEL) == "enabled"),
        gateways={
            f"{namespace_of(gateway)}/{name_of(gateway)}": str(
                labels_of(gateway).get(REVISION_LABEL) or space_revisions.get(namespace_of(gateway)) or _DEFAULT
            )
            for gateway in gateways
            if dig(gateway, "spec", "gatewayClassName") in ours
        },
        ztunnels={ref(one): ztunnel_revision(one) for one in _ztunnels(daemon_sets)},
        proxies=tuple(sorted(_proxies(pods), key=lambda proxy: (proxy.namespace, proxy.name))),
    )


def _target(labels: Mapping[str, str]) -> str:
    """The revision or tag that a namespace's new pods get; "" when it names none. istio-injection goes first."""
    if injection := labels.get(INJECTION_LABEL):
        return _DEFAULT if injection == "enabled" else ""
    return str(labels.get(REVISION_LABEL, ""))


def _proxies(pods: Iterable[Obj]) -> Iterable[Proxy]:
    for pod in pods:
        labels = labels_of(pod)
        # The label alone proves nothing: people set it on pods without a proxy, too.
        if not (annotations_of(pod).get(_STATUS) or labels.get(_MANAGED)):
            continue
        gateway = labels.get(_GATEWAY_NAME) if labels.get(_MANAGED) else ""
        yield Proxy(
            namespace=namespace_of(pod),
            name=name_of(pod),
            revision=revision_of(pod),
            workload=workload_of(pod),
            gateway=f"{namespace_of(pod)}/{gateway}" if gateway else "",
        )


def _ztunnels(daemon_sets: Iterable[Obj]) -> list[Obj]:
    return mesh.components(Snapshot({"daemonsets": Source("daemonsets", tuple(daemon_sets))}), mesh.ZTUNNEL)


def ztunnel_revision(daemon_set: Obj) -> str:
    """The revision or tag whose istiod a ztunnel dials: by its address, which is what counts; else as annotated."""
    for container in dig(daemon_set, "spec", "template", "spec", "containers") or ():
        for variable in container.get("env") or ():
            found = re.match(r"(?:https?://)?istiod(?:-revision-tag)?(?:-([^.]+))?\.", str(variable.get("value") or ""))
            if variable.get("name") == "XDS_ADDRESS" and found:
                return found[1] or _DEFAULT
    return str(annotations_of(daemon_set).get(REVISION_LABEL) or _DEFAULT)
