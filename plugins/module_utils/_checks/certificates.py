# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Checks of certificates: how long they last, and whether all trust the same root (MW0038)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from . import inside
from .model import Check, Finding, NotApplicable, Severity, counted
from .root_certificates import day, roots_of
from .snapshot import Obj, Snapshot, Undecided, name_of, namespace_of
from .sources import ENVOY_CERTIFICATES, ISTIOD_METRICS, PODS, ROOT_CERTIFICATES, ZTUNNEL_DUMPS

_CATEGORY = "certificates"
_DAY = 86400.0
# A root is renewed by people, and every workload has to trust the new one first.
ROOT_WARNING, ROOT_ERROR = 30 * _DAY, 7 * _DAY
# Proxies renew at half of a certificate's life: what has a tenth of it left, or an hour, was not renewed.
LEAF_SHARE, LEAF_LEFT = 0.1, 3600.0
# Of a short life an hour is much.
_LEAF_MOST_SHARE = 0.25
_ROOT_METRIC = "citadel_server_root_cert_expiry_timestamp"
_ROOT = "ConfigMap istio-ca-root-cert"
_TOLD = 6


@dataclass(frozen=True, slots=True)
class Leaf:
    """One workload's certificate: whose, who holds it, from when until when."""

    owner: str
    holder: str
    begins: float
    ends: float


def judged(leaf: Leaf, now: float) -> Severity | None:
    """How bad it is that a certificate has so little time left; None when it is not."""
    left, life = leaf.ends - now, max(0.0, leaf.ends - leaf.begins)
    if left <= 0:
        return "error"
    little = min(max(LEAF_SHARE * life, LEAF_LEFT), _LEAF_MOST_SHARE * life)
    return "warning" if left < little else None


def _anything(snapshot: Snapshot) -> tuple[Finding, ...]:
    for name in (ROOT_CERTIFICATES, ZTUNNEL_DUMPS, ENVOY_CERTIFICATES):
        source = snapshot.sources.get(name)
        if source is None or source.error or source.items:
            return ()
    raise NotApplicable("there are no certificates of a mesh here")


def roots(snapshot: Snapshot) -> Iterator[Finding]:
    """How long the roots last: those in the bundle, and the one that istiod signs with."""
    now = snapshot.taken
    signing: dict[str, float] = {}
    with suppress(Undecided):
        for replica in snapshot.items(ISTIOD_METRICS):
            for series in (replica.get("metrics") or {}).get(_ROOT_METRIC) or ():
                signing[f"the root that {inside.pod_ref(replica)} signs with"] = float(series["value"])
    unread = ""
    bundle: dict[str, float] = {}
    try:
        found = roots_of(snapshot)
        for (root, _where), line in zip(found.roots, found.lines(), strict=True):
            bundle[line] = root.not_after
        unread = found.problem
    except Undecided as reason:
        unread = str(reason)
    near = {what: end for what, end in {**bundle, **signing}.items() if end - now < ROOT_WARNING}
    if near:
        first = min(near.values()) - now
        over = "has expired" if first <= 0 else f"ends in {inside.span(first)}"
        lines = tuple(f"{what}: until {day(near[what])}" for what in sorted(near, key=lambda what: (near[what], what)))
        if any(end - now >= ROOT_WARNING for end in bundle.values()) and not near.keys() & signing.keys():
            yield Finding(
                "info",
                f"A root certificate {over}, and another is trusted beside it: a rotation is under way.",
                (_ROOT,),
                lines,
                "Take the old root out of the bundle when no workload has a certificate under it any more.",
            )
        else:
            yield Finding(
                "error" if first < ROOT_ERROR else "warning",
                f"The mesh's root certificate {over}: "
                + ("no workload trusts another any more" if first <= 0 else "then no workload trusts another")
                + ", and all mutual TLS fails.",
                (_ROOT,),
                lines,
                "Rotate the root: give istiod a Secret cacerts whose root-cert.pem has the old and the new root, "
                "restart istiod and then all proxies, and only then sign with the new one.",
            )
    if unread:
        raise Undecided(unread)


def leaves(snapshot: Snapshot) -> Iterator[Leaf]:
    """All workload certificates that were seen."""
    for dump in _known(snapshot, ZTUNNEL_DUMPS):
        for one in dump.get("certificates") or ():
            yield from _leaf(_account(str(one["identity"])), inside.pod_ref(dump), one.get("leaf") or {})
    for envoy in _known(snapshot, ENVOY_CERTIFICATES):
        for one in envoy.get("certificates") or ():
            if one["name"] != "ROOTCA":
                owner = inside.owner_of(snapshot, namespace_of(envoy), name_of(envoy))
                yield from _leaf(owner, inside.pod_ref(envoy), one)


def _leaf(owner: str, holder: str, one: Obj) -> Iterator[Leaf]:
    begins, ends = inside.moment(one.get("not_before")), inside.moment(one.get("not_after"))
    if ends is not None:
        yield Leaf(owner, holder, ends if begins is None else begins, ends)


def workloads(snapshot: Snapshot) -> Iterator[Finding]:
    """How long workloads' certificates last, one finding for all that are as bad."""
    groups: dict[Severity, list[Leaf]] = defaultdict(list)
    for leaf in leaves(snapshot):
        if severity := judged(leaf, snapshot.taken):
            groups[severity].append(leaf)
    for severity, found in sorted(groups.items()):
        found.sort(key=lambda leaf: (leaf.ends, leaf.owner))
        first = abs(found[0].ends - snapshot.taken)
        many = len({leaf.owner for leaf in found})
        yield Finding(
            severity,
            f"{counted(many, 'workload certificate')} "
            + (
                f"{'has' if many == 1 else 'have'} expired: every new connection by mutual TLS with it fails."
                if severity == "error"
                else f"{'ends' if many == 1 else 'end'} soon, the first in {inside.span(first)}, and "
                f"{'was' if many == 1 else 'were'} not renewed at half of its life: then mutual TLS fails."
            ),
            tuple(dict.fromkeys(leaf.owner for leaf in found)),
            tuple(
                f"{leaf.owner} ({leaf.holder}): {'expired' if severity == 'error' else 'ends'} "
                f"{inside.span(leaf.ends - snapshot.taken)} {'ago' if severity == 'error' else 'from now'}"
                for leaf in found[:_TOLD]
            ),
            "Look in the proxy's log why istiod does not sign (MW0012, MW0013 and MW0014 look at the usual reasons; a "
            "wrong clock on the node is another), then restart the proxy.",
        )
    yield from _without(snapshot)


def _without(snapshot: Snapshot) -> Iterator[Finding]:
    """Identities for which ztunnel was refused a certificate."""
    found: dict[str, list[str]] = defaultdict(list)
    for dump in _known(snapshot, ZTUNNEL_DUMPS):
        for one in dump.get("certificates") or ():
            if str(one.get("state", "")).startswith("Unavailable"):
                found[_account(str(one["identity"]))].append(f"{inside.pod_ref(dump)}: {one['state']}")
    if found:
        yield Finding(
            "error",
            f"ztunnel gets no certificate for {counted(len(found), 'service account')}: "
            "mutual TLS with their pods fails.",
            tuple(sorted(found)),
            tuple(line for lines in found.values() for line in lines)[:_TOLD],
            "Look in istiod's log why it does not sign: MW0013 and MW0014 look at the usual reasons.",
        )


def trust(snapshot: Snapshot) -> Iterator[Finding]:
    """Whether proxies trust a root that namespaces are given."""
    known = roots_of(snapshot)
    if known.problem or not known.roots:
        return
    mine = known.serials()
    strangers: dict[tuple[str, ...], list[Obj]] = defaultdict(list)
    for dump in _known(snapshot, ZTUNNEL_DUMPS):
        serials = {str((one.get("root") or {}).get("serial") or "") for one in dump.get("certificates") or ()} - {""}
        if serials and not serials & mine:
            strangers[tuple(sorted(serials))].append(dump)
    for envoy in _known(snapshot, ENVOY_CERTIFICATES):
        serials = {str(one["serial"]) for one in envoy.get("certificates") or () if one["name"] == "ROOTCA"}
        if serials and not serials & mine:
            strangers[tuple(sorted(serials))].append(envoy)
    for others, pods in sorted(strangers.items()):
        yield Finding(
            "error",
            f"{'1 proxy trusts' if len(pods) == 1 else f'{len(pods)} proxies trust'} another root certificate than the "
            "mesh gives to its namespaces: mutual TLS between them and the others fails.",
            inside.owners(snapshot, pods),
            (f"root of {inside.pod_ref(pods[0])}: serial {', '.join(others)}", *known.lines()),
            "Restart these proxies, so that they fetch the root anew. Where another authority signs (SPIRE), give its "
            "root to all.",
            (_ROOT,),
        )


def silent(snapshot: Snapshot) -> Iterator[Finding]:
    """Who did not say: nobody of a kind decides nothing, some are told."""
    for name, what in ((ZTUNNEL_DUMPS, "ztunnel"), (ENVOY_CERTIFICATES, "Envoy")):
        inside.answered(snapshot, name, what)
        yield from inside.unheard(snapshot, name, what, "nothing is known of their certificates")


def _known(snapshot: Snapshot, name: str) -> Iterable[Obj]:
    """Those that answered; that the source could not be read at all is told by `silent`."""
    with suppress(Undecided):
        return [item for item in snapshot.items(name) if not item.get("error")]
    return ()


def _account(identity: str) -> str:
    """`spiffe://DOMAIN/ns/NAMESPACE/sa/NAME` as people name it."""
    parts = identity.split("/")
    if len(parts) >= 4 and parts[-4] == "ns" and parts[-2] == "sa":
        return f"ServiceAccount {parts[-3]}/{parts[-1]}"
    return identity


CHECKS = (
    Check(
        38,
        "Certificates are valid, are renewed, and have one root",
        _CATEGORY,
        "error",
        (ROOT_CERTIFICATES, ZTUNNEL_DUMPS, ENVOY_CERTIFICATES),
        "Looks at the root certificates in the ConfigMaps istio-ca-root-cert and at what istiod says of its own, and "
        "asks ztunnels and Envoys (gateways and waypoints first, then a pod of each workload, no more than "
        "`proxy_limit` of each kind) which certificates they hold. A root that ends within 30 days is a warning, "
        "within 7 days an error. Proxies renew a certificate at half of its life: one with less than a tenth of it "
        "left, or less than an hour, was not renewed. A proxy whose root is none of those that the mesh gives to its "
        "namespaces trusts nobody else.",
        inside.part_by_part(_anything, roots, workloads, trust, silent),
        (PODS, ISTIOD_METRICS),
    ),
)
