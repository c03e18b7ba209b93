# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""All that may stand in the way of a move, in the words of docs/blockers.md. Pure data."""

from __future__ import annotations

from typing import NamedTuple

from .blocker import Blocker


class Rule(NamedTuple):
    """A blocker as its documentation shows it. `when` are the moves that it is for."""

    when: str
    what: str
    way_out: str


_JOINS = "to ambient"
_SWITCHES = "sidecar to ambient"
_INJECTS = "to sidecar"
_RESTARTS = "with restarts"
_WAYPOINT = "to ambient, with a waypoint"

BLOCKERS: dict[str, Rule] = {
    "no-ambient": Rule(
        _JOINS,
        "No ztunnel, no istio-cni, or none of istio-cni and istiod that has ambient mode: nobody would capture pods.",
        "Install the ambient mesh (meshwright.istio.istio_mesh, mode: ambient).",
    ),
    "no-node-agent": Rule(
        _JOINS,
        "A node without a ready istio-cni or ztunnel, on which pods of the namespace run, or on which any pod may be "
        "scheduled: there it would have no traffic, or none that is encrypted.",
        "See why the DaemonSet's pod is not ready there, or keep the namespace's pods off that node.",
    ),
    "agents-updating": Rule(
        _JOINS,
        "A rolling update of istio-cni or ztunnel is not done. One that is stuck still shows every pod ready: the old "
        "ones serve, the new one never will.",
        "Wait for it (kubectl rollout status), or see why its new pod does not get ready.",
    ),
    "primary-remote": Rule(
        _JOINS,
        "The control plane runs outside this cluster: ambient mode needs an istiod in each.",
        "Leave the cluster's namespaces in sidecar mode, or give it a control plane of its own.",
    ),
    "virtual-machines": Rule(
        _JOINS,
        "A virtual machine of the mesh (a WorkloadEntry with a service account, or that registers itself) in the "
        "namespace: it cannot join an ambient mesh.",
        "Keep the namespace in sidecar mode, or move the machine's workload elsewhere.",
    ),
    "spire": Rule(
        _JOINS,
        "A workload that gets its identity from SPIRE (its CSI volume, or the template spire): ztunnel does not ask "
        "SPIRE, so it would get another identity.",
        "Leave it out, or let istiod sign for it first.",
    ),
    "host-network": Rule(
        "to ambient, to sidecar",
        "Pods on their host's network: neither istio-cni nor the injector takes them.",
        "Exclude the workload: it stays outside the mesh.",
    ),
    "opt-out-ignored": Rule(
        _JOINS,
        'A workload whose pods say `sidecar.istio.io/inject: "false"`: ambient mode takes no heed of that, and would '
        "take into the mesh what has been kept out of it.",
        "Label its pod template istio.io/dataplane-mode: none to keep it out; accept this to take it in.",
    ),
    "envoy-filter": Rule(
        _SWITCHES,
        "An EnvoyFilter for workloads that get rid of their proxies: neither ztunnel nor a waypoint takes it, and what "
        "it does is lost.",
        "Say it by policy of Istio or the Gateway API, or leave the workload out.",
    ),
    "mtls-disable": Rule(
        _JOINS,
        "A PeerAuthentication that says DISABLE, for all ports or for one: ztunnel does not heed it and encrypts.",
        "Set PERMISSIVE, or leave those workloads out.",
    ),
    "untranslatable-policy": Rule(
        "sidecar to ambient, or back",
        "A policy of which no equal can be made for the other mode: what it says has no counterpart there, or another "
        "tool owns it.",
        "Rewrite it by hand, or remove it.",
    ),
    "l7-selector-policy": Rule(
        "to ambient, with translate_policies: false",
        "An AuthorizationPolicy with fields of HTTP or action CUSTOM, or a RequestAuthentication, for the namespace's "
        "workloads: ztunnel alone would make a hole or an outage of it.",
        "Let the task translate policies (translate_policies: true) and name a waypoint in it.",
    ),
    "routing-without-waypoint": Rule(
        "sidecar to ambient, without a waypoint",
        "A VirtualService, HTTPRoute or GRPCRoute on the mesh for a Service of the namespace: ztunnel does not route, "
        "so clients without a proxy of their own do not follow it.",
        "Name a waypoint in the same task, or remove the route.",
    ),
    "network-policy": Rule(
        _JOINS,
        "A NetworkPolicy that lets some ports in to the namespace's pods, or out of them, but not 15008, by which all "
        "traffic between ambient pods goes.",
        "Add port 15008 (TCP) to its ports.",
    ),
    "strict-and-old-sidecars": Rule(
        _JOINS,
        "STRICT for the namespace's pods, while somewhere in the mesh proxies run that were injected before ambient "
        "mode was there: they know no HBONE, and would be refused.",
        "Restart those workloads first: new proxies speak HBONE.",
    ),
    "strict-mesh": Rule(
        "to none",
        "STRICT for the whole mesh, by the root namespace's PeerAuthentication: it refuses clients outside the mesh, "
        "which the namespace's pods would be.",
        "Set PERMISSIVE for what they call first, or accept it where they call nobody in the mesh.",
    ),
    "waypoint-missing": Rule(
        _WAYPOINT,
        "The waypoint does not exist, or is none, or the cluster does not serve the Gateway API. A label that names "
        "a missing waypoint is a hole: traffic goes straight.",
        "Make it first (meshwright.istio.waypoint).",
    ),
    "waypoint-not-ready": Rule(
        _WAYPOINT,
        "The waypoint is not programmed, or has no ready pod: connections to what it stands before would fail.",
        "See why (kubectl describe gateway), or wait for it.",
    ),
    "waypoint-not-admitted": Rule(
        _WAYPOINT,
        "The waypoint is in another namespace, and its listener takes nothing of this one. That is a hole: traffic "
        "goes straight.",
        "Open listeners[].allowedRoutes.namespaces of that Gateway.",
    ),
    "not-injected": Rule(
        _INJECTS,
        "A pod of the workload, made by a dry run with the labels that it will have, gets no proxy.",
        "See the webhook's selectors and its failurePolicy, and neverInjectSelector of the injector.",
    ),
    "injector-failed": Rule(
        _INJECTS,
        "The injection webhook does not answer, so that no pod of the namespace could be made; or it refuses the "
        "workload's, as for an annotation that it does not understand.",
        "See istiod of that revision, or the annotation; then run again.",
    ),
    "pod-security": Rule(
        _INJECTS,
        "The namespace's PodSecurity level refuses injected pods. Without istio-cni for sidecars, istio-init needs "
        "NET_ADMIN and NET_RAW and runs as root, which only `privileged` allows.",
        "Set pod_security: privileged in the same task, or let istio-cni serve sidecars too (pilot.cni.enabled).",
    ),
    "quota": Rule(
        _INJECTS,
        "A ResourceQuota has no room for what the proxies request, and for a pod more while each workload rolls.",
        "Raise it, or let proxies request less (sidecar.istio.io/proxyCPU, proxyMemory and their limits).",
    ),
    "pod-refused": Rule(
        _INJECTS,
        "A new pod of the workload is refused by something else: its restart would hang.",
        "See to what the server says.",
    ),
    "asks-itself": Rule(
        _RESTARTS,
        "The workload's pod template asks for another mode than the namespace shall have.",
        "Take those labels out of its pod template.",
    ),
    "job": Rule(
        _RESTARTS,
        "A Job's pods run to their end, and stay what they are until then. Of a move to sidecars also a CronJob, where "
        "proxies are no native sidecars: its pods would never end.",
        "Let it run to its end, or delete it and start it anew. Label a CronJob's pods sidecar.istio.io/inject: false.",
    ),
    "lone-pod": Rule(_RESTARTS, "A pod that nobody would make anew.", "Delete it and make it anew by hand."),
    "unknown-owner": Rule(
        _RESTARTS, "A workload of a kind of which it is not known how it restarts.", "Restart it by hand."
    ),
    "owner-gone": Rule(_RESTARTS, "Pods whose owner does not exist any more.", "Delete its pods."),
    "paused": Rule(_RESTARTS, "A paused Deployment or Rollout: it makes no new pods.", "Resume it."),
    "on-delete": Rule(
        _RESTARTS,
        "A StatefulSet or DaemonSet with update strategy OnDelete: only deleting its pods makes new ones.",
        "Change its update strategy, or delete its pods by hand, one after the other.",
    ),
    "partition": Rule(_RESTARTS, "A StatefulSet whose partition keeps pods as they are.", "Set the partition to 0."),
    "single-replica": Rule(
        _RESTARTS,
        "A single replica: the workload may be away while it restarts.",
        "Scale it up while it is restarted.",
    ),
    "recreate": Rule(
        _RESTARTS,
        "Strategy Recreate: all pods go before new ones come.",
        "Change its strategy to RollingUpdate.",
    ),
    "budget-without-headroom": Rule(
        _RESTARTS,
        "A disruption budget that allows no disruption now; a rollout does not ask it.",
        "See whether its pods are ready, or add a replica.",
    ),
}


def blocked(name: str, namespace: str, obj: str, message: str, hint: str = "") -> Blocker:
    """A blocker of the table, with its way out; `namespace` "" when it is in the way of every move."""
    return Blocker(name, namespace, obj, message, hint or BLOCKERS[name].way_out)
