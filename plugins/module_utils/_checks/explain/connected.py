# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A proxy and its istiod: connected, in sync, not rejecting; certificates and the root that they chain to. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import mesh, sources
from ..inside import moment
from ..skew import revision_of
from ..snapshot import Obj, dig, name_of, namespace_of, number, ref
from ..ztunnel import claimed_cluster
from .model import Step
from .sight import CERTIFICATES, Sight

_CONNECTED, _ACCEPTS, _ROOT = "Connected to istiod", "It takes its configuration", "The root certificate"
_CERTIFICATE = "Its certificate"
_ROOT_NAME = "istio-ca-root-cert"


def connected_steps(sight: Sight, pod: Obj) -> Iterator[Step]:
    """For a pod with a proxy of its own: a sidecar, a gateway, a waypoint, a ztunnel."""
    if not sight.inside:
        yield Step("connected", _CONNECTED, "info", "Not looked at: istiod was not asked (port_forward).", (ref(pod),))
        return
    asked = [one for one in sight.snapshot.items(sources.ISTIOD_SYNC) if not one.get("error")]
    if not asked:
        yield from _nobody_answers(sight, pod)
        return
    name = f"{name_of(pod)}.{namespace_of(pod)}"
    found = [(one, proxy) for one in asked for proxy in one.get("proxies") or () if proxy.get("id") == name]
    if not found:
        yield _lost(sight, pod, asked)
        return
    istiod, proxy = found[0]
    yield Step(
        "connected",
        _CONNECTED,
        "ok",
        f"{ref(istiod)} serves it (Istio {proxy.get('version') or 'of unknown version'}).",
        (ref(istiod),),
    )
    yield from _accepts(pod, found)


def _nobody_answers(sight: Sight, pod: Obj) -> Iterator[Step]:
    down = [plane for plane in sight.planes if not number(plane.deployment, "status", "readyReplicas")]
    errors = tuple(str(one.get("error")) for one in sight.snapshot.items(sources.ISTIOD_SYNC))
    if sight.planes and len(down) == len(sight.planes):
        yield Step(
            "connected",
            _CONNECTED,
            "broken",
            "No istiod is ready: running proxies go on with what they have, new ones get neither configuration nor "
            "certificate.",
            tuple(plane.ref for plane in down),
            tuple(fact for plane in down for fact in mesh.pods_in_trouble(sight.snapshot, plane.deployment)),
            f"kubectl -n {down[0].namespace} describe deployment {down[0].name}",
        )
    else:
        yield Step("connected", _CONNECTED, "unknown", "No istiod could be asked.", (ref(pod),), errors)


def _lost(sight: Sight, pod: Obj, asked: list[Obj]) -> Step:
    claimed = claimed_cluster(pod)
    plane = next((one for one in sight.planes if one.revision == revision_of(pod)), None)
    known = (plane.env("CLUSTER_ID") or "Kubernetes") if plane is not None else ""
    facts = [f"{len(asked)} istiods were asked, none serves {name_of(pod)}.{namespace_of(pod)}"]
    if claimed and known and claimed != known:
        return Step(
            "connected",
            _CONNECTED,
            "broken",
            f"istiod refuses the proxy: it claims to be in cluster {claimed}, istiod knows only {known}.",
            (ref(pod), *((plane.ref,) if plane else ())),
            (*facts, f"ISTIO_META_CLUSTER_ID={claimed}"),
            "Restart the workload, so that it is injected with the name that istiod has now.",
        )
    unasked = [one for one in sight.snapshot.items(sources.ISTIOD_SYNC) if one.get("error")]
    return Step(
        "connected",
        _CONNECTED,
        "unknown" if unasked else "broken",
        "No istiod serves the proxy: it gets no new configuration and no new certificates.",
        (ref(pod),),
        (*facts, *(str(one["error"]) for one in unasked), *sight.log(pod)[-3:]),
        f"kubectl -n {namespace_of(pod)} logs {name_of(pod)} -c istio-proxy; see that its node reaches istiod's "
        "port 15012.",
    )


def _accepts(pod: Obj, found: list[tuple[Obj, Any]]) -> Iterator[Step]:
    types = [one for _istiod, proxy in found for one in proxy.get("types") or ()]
    errors = [one for one in types if one.get("error")]
    waiting = [one for one in types if one.get("sent") and one.get("sent") != one.get("acked") and not one.get("error")]
    if errors:
        yield Step(
            "accepts",
            _ACCEPTS,
            "broken",
            f"The proxy rejects its {errors[0].get('name')} configuration: it goes on with the last good one, and a "
            "new pod would never get ready.",
            (ref(pod),),
            tuple(f"{one.get('name')}: {one.get('error')}" for one in errors),
            "The error names the listener, cluster or filter: mend the EnvoyFilter, rule or route behind it.",
        )
    elif waiting:
        yield Step(
            "accepts",
            _ACCEPTS,
            "info",
            f"On its way still: {', '.join(str(one.get('name')) for one in waiting)}.",
            (ref(pod),),
        )
    else:
        yield Step("accepts", _ACCEPTS, "ok", "It has acknowledged all that istiod sent.", (ref(pod),))


def certificate_steps(sight: Sight, pod: Obj) -> Iterator[Step]:
    """What Envoy says of its own certificate, where it was asked."""
    for item in sight.extra(CERTIFICATES):
        if (namespace_of(item), name_of(item)) != (namespace_of(pod), name_of(pod)) or item.get("error"):
            continue
        mine = [one for one in item.get("certificates") or () if one.get("name") == "default"]
        for one in mine:
            over = _seconds(str(one.get("not_after") or "")) - sight.snapshot.taken
            gone = sight.snapshot.taken > 0 and over < 0
            yield Step(
                "certificate",
                _CERTIFICATE,
                "broken" if gone else "ok",
                f"The certificate {'ended at' if gone else 'is good until'} {one.get('not_after')}.",
                (ref(pod),),
                (),
                "See that the proxy is connected to istiod, which signs a new one; else restart the pod."
                if gone
                else "",
            )
        if not mine:
            yield Step(
                "certificate",
                _CERTIFICATE,
                "broken",
                "The proxy has no certificate of its own: it can speak no mTLS.",
                (ref(pod),),
                (),
                f"kubectl -n {namespace_of(pod)} logs {name_of(pod)} -c istio-proxy",
            )


def root_steps(sight: Sight, namespace: str) -> Iterator[Step]:
    """The ConfigMap by which pods of a namespace trust istiod: sidecars and gateways mount it."""
    found = sight.snapshot.items(sources.ROOT_CERTIFICATES)
    mine = next((item for item in found if namespace_of(item) == namespace), None)
    label = f"ConfigMap {namespace}/{_ROOT_NAME}"
    if mine is None:
        if not sight.snapshot.knows(sources.ROOT_CERTIFICATES, namespace):
            return
        yield Step(
            "root",
            _ROOT,
            "broken",
            f"{label} is missing: proxies of namespace {namespace} trust no istiod, and new pods wait for the volume.",
            (label,),
            (f"{len(found)} namespaces have it",),
            "istiod writes it to each namespace that discoverySelectors cover: see that istiod runs and covers this "
            "one.",
        )
        return
    system = {plane.namespace for plane in sight.planes}
    own = next((item for item in found if namespace_of(item) in system), None)
    differs = own is not None and dig(own, "data", "root-cert.pem") != dig(mine, "data", "root-cert.pem")
    yield Step(
        "root",
        _ROOT,
        "warning" if differs else "ok",
        f"{label} differs from that of the control plane: its proxies may not trust the rest of the mesh."
        if differs
        else f"{label} is there, with the root of the control plane.",
        (label,),
        (),
        f"kubectl -n {namespace} delete configmap {_ROOT_NAME}; istiod writes it anew." if differs else "",
    )


def _seconds(text: str) -> float:
    found = moment(text)
    return float("inf") if found is None else found
