# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""A pod that is to be in ambient mode: istio-cni, redirection, ztunnel, and what ztunnel knows of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from .. import mesh, sources
from ..policy.waypoints import waypoint
from ..snapshot import Obj, annotations_of, dig, labels_of, name_of, namespace_of, number, ref
from .model import Step
from .sight import Sight, account_of, is_ready, some
from .ztunnel import cause_of

_CNI, _CAPTURED, _ZTUNNEL = "istio-cni on its node", "Redirection to ztunnel", "ztunnel on its node"
_KNOWN, _CERTIFICATE, _WAYPOINT = "ztunnel knows the pod", "Its certificate", "The workload's waypoint"


def captured_steps(sight: Sight, pod: Obj) -> Iterator[Step]:
    """From istio-cni to ztunnel's own words, for a pod that asks for ambient mode and does not refuse it."""
    node = str(dig(pod, "spec", "nodeName") or "")
    captured = sight.mode(pod) == "ambient"
    yield from _cni(sight, node, captured)
    yield from _redirection(sight, pod, captured)
    yield from ztunnel_steps(sight, node)
    if captured:
        yield from known_steps(sight, pod)
        yield from _certificate(sight, pod)
    yield from _waypoint(sight, pod)


def _cni(sight: Sight, node: str, captured: bool) -> Iterator[Step]:
    found = mesh.components(sight.snapshot, mesh.CNI)
    if not found:
        yield Step(
            "cni",
            _CNI,
            "warning" if captured else "broken",
            "There is no istio-cni in this cluster: without it no pod gets into ambient mode.",
            (),
            ("no DaemonSet runs install-cni",),
            "Install it with meshwright.istio.istio_mesh (mode: ambient).",
        )
        return
    if not node:
        return
    pods = [pod for daemon_set in found for pod in sight.on_node(daemon_set, node)]
    if not pods:
        yield Step(
            "cni",
            _CNI,
            "warning" if captured else "broken",
            f"istio-cni does not run on node {node}: pods that start there are not captured.",
            (ref(found[0]), f"Node {node}"),
            (f"desired {number(found[0], 'status', 'desiredNumberScheduled')} nodes",),
            "Let it tolerate the node's taints: cni.tolerations of meshwright.istio.istio_mesh.",
        )
    elif not any(is_ready(pod) for pod in pods):
        yield Step(
            "cni",
            _CNI,
            "warning" if captured else "broken",
            f"istio-cni on node {node} is not ready: {mesh.pod_trouble(pods[0])}.",
            (ref(pods[0]),),
            sight.events(pods[0]),
            f"kubectl -n {namespace_of(pods[0])} logs {name_of(pods[0])}",
        )
    else:
        yield Step("cni", _CNI, "ok", f"istio-cni is ready on node {node}.", (ref(pods[0]),))


def _redirection(sight: Sight, pod: Obj, captured: bool) -> Iterator[Step]:
    if captured:
        yield Step("captured", _CAPTURED, "ok", "istio-cni redirects the pod's traffic to ztunnel.", (ref(pod),))
        return
    if annotations_of(pod).get("sidecar.istio.io/status"):
        yield Step(
            "captured",
            _CAPTURED,
            "broken",
            "The pod has a sidecar, and ambient captures none that has one.",
            (ref(pod),),
            ("annotation sidecar.istio.io/status is there",),
            "Take the injection label away and restart the workload (meshwright.istio.mesh_enrollment does both).",
        )
        return
    running = dig(pod, "status", "phase") == "Running"
    ambient = any(plane.ambient for plane in sight.planes)
    facts = [f"phase {dig(pod, 'status', 'phase') or 'unknown'}", "no annotation ambient.istio.io/redirection=enabled"]
    if not ambient:
        facts.append("no istiod has PILOT_ENABLE_AMBIENT")
    yield Step(
        "captured",
        _CAPTURED,
        "broken" if running else "unknown",
        "istio-cni has not redirected the pod's traffic: it goes past ztunnel, in plain text."
        if running
        else "The pod does not run yet: istio-cni captures it when it does.",
        (ref(pod),),
        tuple(facts),
        f"Look at istio-cni on node {dig(pod, 'spec', 'nodeName') or '(none)'} "
        "(kubectl -n istio-system logs -l k8s-app=istio-cni-node), then restart the pod.",
    )


def ztunnel_steps(sight: Sight, node: str) -> Iterator[Step]:
    """Is a ztunnel of the present generation ready on a node, and if not, why?"""
    found = mesh.components(sight.snapshot, mesh.ZTUNNEL)
    if not found:
        yield Step(
            "ztunnel",
            _ZTUNNEL,
            "broken",
            "There is no ztunnel in this cluster: nobody carries ambient traffic.",
            (),
            ("no DaemonSet runs ztunnel",),
            "Install it with meshwright.istio.istio_mesh (mode: ambient).",
        )
        return
    if not node:
        return
    for daemon_set in found:
        pods = sight.on_node(daemon_set, node)
        if not pods:
            yield Step(
                "ztunnel",
                _ZTUNNEL,
                "broken",
                f"ztunnel does not run on node {node}: ambient traffic of its pods goes nowhere.",
                (ref(daemon_set), f"Node {node}"),
                (f"desired {number(daemon_set, 'status', 'desiredNumberScheduled')} nodes",),
                "Let it tolerate the node's taints: ztunnel.tolerations of meshwright.istio.istio_mesh.",
            )
            continue
        ready, waiting = [pod for pod in pods if is_ready(pod)], [pod for pod in pods if not is_ready(pod)]
        if waiting:
            cause = cause_of(sight, daemon_set)
            why = cause.text if cause else f"{mesh.pod_trouble(waiting[0])}."
            yield Step(
                "ztunnel",
                _ZTUNNEL,
                "warning" if ready else "broken",
                (
                    f"An update of ztunnel is stuck on node {node}; the old one serves on: {why}"
                    if ready
                    else f"ztunnel on node {node} is not ready, so its ambient pods are cut off: {why}"
                ),
                (ref(waiting[0]), ref(daemon_set)),
                (*(cause.evidence if cause else ()), *sight.log(waiting[0])[-3:], *sight.events(waiting[0])),
                cause.remedy if cause else f"Explain it: pod {namespace_of(waiting[0])}/{name_of(waiting[0])}.",
            )
        else:
            yield Step("ztunnel", _ZTUNNEL, "ok", f"ztunnel is ready on node {node}.", (ref(ready[0]),))


def known_steps(sight: Sight, pod: Obj) -> Iterator[Step]:
    """What the ztunnels say of the pod: whether they know it, and reach it by HBONE."""
    if not sight.inside:
        yield Step("known", _KNOWN, "info", "Not looked at: ztunnel was not asked (port_forward).", (ref(pod),))
        return
    dumps = [dump for dump in sight.snapshot.items(sources.ZTUNNEL_DUMPS) if not dump.get("error")]
    mine = [dump for dump in dumps if dump.get("node") == dig(pod, "spec", "nodeName")] or dumps
    if not mine:
        yield Step("known", _KNOWN, "unknown", "No ztunnel could be asked.", (ref(pod),), remedy=_asking())
        return
    workload = _known(mine[0], pod)
    if workload is None and mine[0].get("on_demand"):
        yield Step(
            "known", _KNOWN, "info", "This ztunnel fetches what it needs only when it is asked for.", (ref(mine[0]),)
        )
    elif workload is None:
        yield Step(
            "known",
            _KNOWN,
            "broken",
            f"ztunnel on node {mine[0].get('node')} knows no such workload: istiod has not told it, and its traffic is "
            "not carried.",
            (ref(mine[0]), ref(pod)),
            (f"{len(mine[0].get('workloads') or ())} workloads are known there",),
            "See that this ztunnel is connected to istiod (explain its pod), and that discoverySelectors cover the "
            "namespace.",
        )
    elif workload.get("protocol") != "HBONE":
        yield Step(
            "known",
            _KNOWN,
            "broken",
            f"ztunnel knows the pod, but for protocol {workload.get('protocol') or 'TCP'}: others reach it in plain "
            "text, without mTLS.",
            (ref(mine[0]), ref(pod)),
            (f"status {workload.get('status')}",),
            "istiod has not seen the redirection: see that it is connected, or restart the pod.",
        )
    else:
        status = str(workload.get("status") or "Healthy")
        yield Step(
            "known",
            _KNOWN,
            "ok" if status == "Healthy" else "warning",
            f"ztunnel knows the pod and reaches it by HBONE (mTLS); it is {status.lower()} there.",
            (ref(mine[0]),),
        )


def _known(dump: Obj, pod: Obj) -> Obj | None:
    for one in dump.get("workloads") or ():
        if (one.get("namespace"), one.get("name")) == (namespace_of(pod), name_of(pod)):
            found: Obj = one
            return found
    return None


def _certificate(sight: Sight, pod: Obj) -> Iterator[Step]:
    """The certificate that ztunnel holds for the pod's identity."""
    if not sight.inside:
        return
    suffix = f"/ns/{namespace_of(pod)}/sa/{account_of(pod)}"
    for dump in sight.snapshot.items(sources.ZTUNNEL_DUMPS):
        if dump.get("error") or dump.get("node") != dig(pod, "spec", "nodeName"):
            continue
        mine = [one for one in dump.get("certificates") or () if str(one.get("identity", "")).endswith(suffix)]
        bad = [one for one in mine if one.get("state") not in (None, "Available")]
        if bad:
            yield Step(
                "certificate",
                _CERTIFICATE,
                "broken",
                f"ztunnel has no certificate for {bad[0].get('identity')}: {bad[0].get('state')}.",
                (ref(dump), ref(pod)),
                (),
                "istiod signs it: see that it trusts ztunnel (check MW0014) and that ztunnel is connected.",
            )
        elif mine:
            until = dig(mine[0], "leaf", "not_after") or mine[0].get("not_after") or "a time that was not told"
            yield Step(
                "certificate",
                _CERTIFICATE,
                "ok",
                f"ztunnel holds a certificate for {mine[0].get('identity')}, until {until}.",
                (ref(dump),),
            )


def _waypoint(sight: Sight, pod: Obj) -> Iterator[Step]:
    """A waypoint for traffic to the pod itself; that of its Services is a matter of the way to them."""
    if labels_of(pod).get("istio.io/use-waypoint") is None:
        return
    named = sight.scene.waypoint_label(pod)
    if named is None:
        return
    problems = list(waypoint(sight.view, pod, named, services=False))
    gateway = sight.scene.get("gateway.networking.k8s.io/Gateway", *named)
    kind = labels_of(gateway or {}).get("istio.io/waypoint-for", "service")
    for problem in problems:
        yield Step(
            "workload-waypoint",
            _WAYPOINT,
            "broken" if problem.severity == "error" else "warning",
            f"{ref(pod)} {problem.message}.",
            (ref(pod), f"Gateway {named}"),
            (),
            problem.hint,
        )
    if not problems and kind not in ("workload", "all"):
        yield Step(
            "workload-waypoint",
            _WAYPOINT,
            "warning",
            f"The pod names the waypoint {named}, which is for {kind}: what goes to the pod directly passes it by.",
            (ref(pod), f"Gateway {named}"),
            (f"istio.io/waypoint-for={kind}",),
            f"kubectl -n {named.namespace} label gateway {named.name} istio.io/waypoint-for=all --overwrite",
        )


def _asking() -> str:
    return "Grant create on pods/portforward in the namespace of ztunnel."


def trouble(pods: list[Obj]) -> str:
    """Why pods are not ready, in a few words."""
    return some(f"{name_of(pod)} {mesh.pod_trouble(pod)}" for pod in pods if mesh.pod_trouble(pod))
