# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results as mesh_verify gives them, made up: healthy, broken, large ones; real checks."""

from __future__ import annotations

import random
from typing import Any

from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import BY_ID, CHECKS

from . import sample_mesh

Result = dict[str, Any]

NOW = "2026-11-22T09:30:00Z"
MARKUP = "<img src=x id=injected onerror=\"document.documentElement.id='ran'\"><script>run()</script>"

_NUMBERS = {
    7: "control plane", 10: "components", 12: "components", 13: "components", 16: "certificates", 17: "webhooks",
    22: "revisions", 23: "enrollment", 26: "gateways", 27: "gateways", 31: "policy", 32: "policy", 33: "policy",
    34: "routing", 35: "policy", 36: "xDS", 38: "certificates", 39: "observability", 40: "multi-cluster",
    42: "enrollment", 49: "policy", 51: "policy",
}  # fmt: skip
_FOUND = (
    (31, "error", "The L7 policy shop/deny-writes has no waypoint, so its DENY fails open: every request is allowed.",
     ("AuthorizationPolicy shop/deny-writes", "Namespace shop"),
     ("rules[0].to[0].operation.methods: DELETE, POST", "status ZtunnelAccepted=True, reason UnsupportedValue",
      "no waypoint is bound to the 3 workloads it selects"),
     "waypoint: {name: waypoint, namespace: shop}  # then targetRefs instead of selector"),
    (13, "error", "ztunnel asks istiod under the cluster name Kubernetes, which istiod does not know: new ambient pods "
     "get no certificate.",
     ("DaemonSet istio-system/ztunnel", "Deployment istio-system/istiod"),
     ("ztunnel ISTIO_META_CLUSTER_ID=Kubernetes", "istiod CLUSTER_ID=production",
      'log of istiod: client claims to be in cluster "Kubernetes", but we only know about local cluster "production"'),
     "istio_mesh: {cluster_name: production}"),
    (27, "error", "The namespace payments names the waypoint payments/guard, which is not there: its traffic goes "
     "straight, and no L7 policy is enforced.",
     ("Namespace payments",), ("istio.io/use-waypoint=guard", "WaypointBound=False: WaypointIsNotReady"),
     "waypoint: {name: guard, namespace: payments}"),
    (38, "warning", "The root certificate ends in 21 days; what it signed ends with it.",
     ("ConfigMap istio-system/istio-ca-root-cert",), ("not after 2026-12-13T08:00:00Z",),
     "Rotate it: docs/certificates.md"),
    (22, "warning", "12 pods still run the proxy of revision 1-30-3, and go without what changed since.",
     tuple(f"Pod legacy/worker-{number}" for number in range(12)), ("revision 1-30-3, label istio.io/rev=1-31-1",),
     "kubectl -n legacy rollout restart deployment worker"),
    (49, "warning", "Sidecar clients in batch go round the waypoint of shop: its L7 policies do not apply to them.",
     ("Namespace batch", "Service shop/catalog"), ("14 sidecar clients", "waypoint shop/waypoint"),
     "mesh_policy: {protect: true}"),
    (33, "warning", "A DestinationRule turns TLS off towards reviews, which asks for STRICT: those calls are refused.",
     ("DestinationRule media/reviews", "PeerAuthentication media/default"), ("trafficPolicy.tls.mode: DISABLE",),
     "kubectl -n media delete destinationrule reviews"),
    (39, "info", "4 clients still speak plaintext to media, which STRICT would refuse.", ("Namespace media",),
     ("istio_requests_total connection_security_policy=none: 1,204",), "")
)  # fmt: skip


def checks(found: list[Result], unknown: dict[int, str] | None = None) -> list[Result]:
    """An entry for each check there is (and for those that samples speak of), with what came of it."""
    numbers = dict(sorted({**{check.number: check.category for check in CHECKS}, **_NUMBERS}.items()))
    shown = []
    for number, category in numbers.items():
        name = f"MW{number:04d}"
        mine = [one["severity"] for one in found if one["check"] == name]
        known = BY_ID.get(name)
        reason = (unknown or {}).get(number, "")
        status = "failed" if "error" in mine else "warning" if "warning" in mine else "unknown" if reason else "passed"
        if not mine and not reason and number in (2, 3, 6):
            status, reason = "skipped", "no Sail Operator is here"
        shown.append(
            {
                "id": name, "number": number, "title": known.title if known else f"Check {number}",
                "category": known.category if known else category, "severity": "error", "status": status,
                "reason": reason, "findings": len(mine), "accepted": 0,
            }
        )  # fmt: skip
    return shown


def finding(
    number: int, severity: str, title: str, objects: tuple[str, ...], evidence: tuple[str, ...], remedy: str
) -> Result:
    name = f"MW{number:04d}"
    return {
        "check": name, "severity": severity, "title": title, "objects": list(objects), "evidence": list(evidence),
        "remedy": remedy, "docs": f"docs/checks.md#{name.lower()}",
    }  # fmt: skip


def summary(entries: list[Result], found: list[Result]) -> dict[str, int]:
    statuses = [entry["status"] for entry in entries]
    severities = [one["severity"] for one in found]
    return {
        "checks": len(entries),
        **{status: statuses.count(status) for status in ("failed", "warning", "unknown", "skipped", "passed")},
        **{f"{severity}s": severities.count(severity) for severity in ("error", "warning", "info")},
    }


def result(found: list[Result], info: Result | None, unknown: dict[int, str] | None = None, **more: Any) -> Result:
    entries = checks(found, unknown)
    cluster = {
        "server": "https://api.production.example.org:6443", "context": "production", "kubernetes": "v1.34.2",
        "time": NOW, "collection": "meshwright.istio 0.5.0",
    }  # fmt: skip
    return {
        "checks": entries, "findings": found, "findings_left_out": 0, "accepted": [], "limits": [],
        "summary": summary(entries, found), "cluster": cluster, "info": info, **more,
    }  # fmt: skip


def healthy() -> Result:
    """A small ambient mesh in which all is well."""
    return result([], sample_mesh.small(), changes={"since": "2026-11-21T09:30:00Z", "new": [], "fixed": []})


def broken() -> Result:
    """A middling mesh with every kind of thing that a report shows."""
    found = [finding(*each) for each in _FOUND]
    waiver = finding(18, "warning", "Two injectors claim the namespace sandbox.", ("Namespace sandbox",), (), "")
    accepted = {**waiver, "accepted": {"reason": "Gone with the migration", "expires": "2027-01-31"}}
    return result(
        found,
        sample_mesh.middling(),
        unknown={36: "pods/portforward may not be created in istio-system", 40: "secrets may not be listed"},
        accepted=[accepted],
        baseline={"expired": [{"check": "MW0035", "object": "media/*", "reason": "Cilium", "expires": "2026-10-01"}],
                  "unused": [{"check": "MW0007", "object": "", "reason": "One is enough in staging", "expires": ""}]},
        limits=["Pods of 3 namespaces could not be listed: pods may not be listed in legacy, sandbox, tools."],
        changes={
            "since": "2026-11-21T09:30:00Z",
            "new": [{"check": one["check"], "title": one["title"], "objects": one["objects"]} for one in found[:2]],
            "fixed": [{"check": "MW0010", "title": "ztunnel is updated on 2 of 3 nodes.", "objects": []}],
        },
        explanation={
            "question": {"from": "batch/Deployment/worker", "to": "shop/catalog:80"}, "verdict": "broken",
            "broken_at": "waypoint", "summary": "The way breaks at the waypoint: it has no pods.", "steps_left_out": 0,
            "steps": [
                {"id": "client", "title": "The client is in the mesh", "status": "ok", "text": "It has a sidecar.",
                 "objects": ["Pod batch/worker-1"], "evidence": ["proxy 1.31.1"], "remedy": ""},
                {"id": "waypoint", "title": "The waypoint serves", "status": "broken", "text": "It has no ready pod.",
                 "objects": ["Gateway shop/waypoint"], "evidence": ["0 of 2 ready"],
                 "remedy": "kubectl -n shop scale deployment waypoint --replicas=2"},
                {"id": "policy", "title": "Policies", "status": "unknown", "text": "Not seen.", "objects": [],
                 "evidence": [], "remedy": ""},
            ],
        },
    )  # fmt: skip


WAVES = [
    {"name": "observability", "namespaces": ["observability", "tools"], "status": "done"},
    {"name": "media", "namespaces": ["media", "batch", "images"], "status": "under way", "done": 1},
    {"name": "payments", "namespaces": ["payments"], "status": "failed", "message": "The gate refused: MW0027."},
    {"name": "rest", "namespaces": ["legacy", "sandbox"], "status": "waiting"},
]


def large(namespaces: int = 500, findings: int = 500) -> Result:
    """A mesh of so many namespaces, with so many findings, each as long as real ones are."""
    dice = random.Random(7)
    info = sample_mesh.large(namespaces)
    names = [each["name"] for each in info["namespaces"]]
    found = []
    for place in range(findings):
        number, severity, title, objects, evidence, remedy = _FOUND[place % len(_FOUND)]
        name = dice.choice(names)
        kinds = [label.partition(" ")[0] for label in objects]
        labels = tuple(f"{kind} {name}" if kind == "Namespace" else f"{kind} {name}/web-{place}" for kind in kinds)
        found.append(finding(number, severity, f"{name}: {title}", labels, evidence, remedy))
    found.sort(key=lambda one: ("error", "warning", "info").index(one["severity"]))
    return result(found, info)


def hostile(text: str = MARKUP) -> Result:
    """Every text of the cluster is `text`: names, labels, evidence, remedies, reasons, certificates."""
    given = broken()
    given["findings"] = [
        {**finding(31, severity, text, (f"Pod {text}/x", f"Namespace {text}"), (text,), text), "docs": text}
        for severity in ("error", "warning", "info")
    ]
    given["checks"] = [
        {**entry, "title": text, "reason": text, "category": text} if entry["number"] % 2 else entry
        for entry in given["checks"]
    ]
    given["accepted"] = [{**given["findings"][0], "accepted": {"reason": text, "expires": text}}]
    given["limits"], given["cluster"] = [text], {"server": text, "context": text, "kubernetes": text, "time": text}
    given["changes"] = {"since": text, "new": [{"check": text, "title": text}], "fixed": [text]}
    given["info"] = sample_mesh.replaced(sample_mesh.middling(), text)
    given["explanation"] = sample_mesh.replaced(given["explanation"], text)
    given["baseline"] = {"expired": [{"check": text, "object": text, "reason": text, "expires": text}]}
    return given
