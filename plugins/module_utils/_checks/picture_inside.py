# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The picture's proxies and certificates: what istiod, ztunnels and Envoys said themselves. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from . import pem
from .model import counted
from .picture_looking import Looking, text
from .snapshot import Obj, Undecided, dig, namespace_of, ref
from .sources import ENVOY_CERTIFICATES, ISTIOD_SYNC, ROOT_CERTIFICATES, ZTUNNEL_DUMPS

PROXY_SOURCES = (ISTIOD_SYNC,)
CERTIFICATE_SOURCES = (ROOT_CERTIFICATES, ZTUNNEL_DUMPS, ENVOY_CERTIFICATES)

_MOST_CERTIFICATES = 50


def proxies(look: Looking) -> dict[str, Any]:
    """Who is connected to an istiod and has what it was sent, or `unknown` with the reason."""
    try:
        replicas = look.answers(ISTIOD_SYNC)
    except Undecided as reason:
        return {"unknown": str(reason)}
    if not replicas:
        return {"unknown": "no istiod is ready"}
    # One that moves from one istiod to another is at both for a moment: the worse of what they say.
    states: dict[tuple[str, str], tuple[int, str]] = {}
    for replica in replicas:
        for proxy in replica.get("proxies") or ():
            key = (str(proxy.get("cluster", "")), str(proxy.get("id", "")))
            if look.asked(key[1].rpartition(".")[2]):
                state = (_state(proxy), str(proxy.get("type", "")))
                states[key] = max(state, states.get(key, state))
    counts = Counter(state for state, _type in states.values())
    by_type = Counter(kind for _state, kind in states.values())
    return {
        "connected": len(states),
        "synced": counts[0],
        "stale": counts[1],
        "rejecting": counts[2],
        "by_type": dict(sorted(by_type.items())),
    }


def _state(proxy: Obj) -> int:
    """0: it has all that it was sent, 1: something is not acknowledged, 2: it rejects something."""
    types = proxy.get("types") or ()
    if any(one.get("error") for one in types):
        return 2
    return int(any(one.get("sent") and one.get("sent") != one.get("acked") for one in types))


class _Certificate(NamedTuple):
    """`group` are those of which only the one that ends first is told: of one root, of one identity."""

    not_after: str
    not_before: str
    root: bool
    group: str
    what: str
    where: str


def certificates(look: Looking) -> list[dict[str, Any]]:
    """The roots, and of the others those that end first. Raises `Undecided` when none could be looked at."""
    found: dict[str, _Certificate] = {}
    pods: Counter[str] = Counter()
    problems = []
    for read in _READERS:
        try:
            for one in read(look):
                # what ConfigMaps hold says itself how many do
                pods[one.group] += read is not _roots
                known = found.get(one.group)
                found[one.group] = one if known is None or one.not_after < known.not_after else known
        except Undecided as reason:
            problems.append(str(reason))
    if len(problems) == len(_READERS):
        raise Undecided(problems[0])
    # Those of workloads hold for a day: they would leave no room for what matters most.
    first = sorted(found.values(), key=lambda one: (not one.root, one))[:_MOST_CERTIFICATES]
    return [
        {
            "what": one.what,
            "where": _where(one.where, pods[one.group]),
            "not_before": one.not_before,
            "not_after": one.not_after,
        }
        for one in sorted(first)
    ]


def _where(first: str, pods: int) -> str:
    others = pods - first.startswith("Pod ")
    return f"{first} and {counted(others, 'pod')} more" if others > 0 else first


def _roots(look: Looking) -> Iterator[_Certificate]:
    """The roots that namespaces are given: each once for every text, with the number of namespaces that have it."""
    homes: dict[str, list[str]] = defaultdict(list)
    for item in look.snapshot.items(ROOT_CERTIFICATES):
        if look.asked(namespace_of(item)):
            homes[text(item, "data", "root-cert.pem") or ""].append(ref(item))
    for content, where in homes.items():
        try:
            authorities = pem.authorities(content)
        except ValueError as error:
            more = f" and {len(where) - 1} more" if len(where) > 1 else ""
            look.unread[ROOT_CERTIFICATES] = f"{where[0]}{more}: {error}"
            continue
        for one in authorities:
            yield _Certificate(
                _time(one.not_after),
                _time(one.not_before),
                True,
                f"root {one.serial}",
                f"root certificate {one.subject}",
                f"ConfigMap istio-ca-root-cert of {counted(len(where), 'namespace')}",
            )


def _of_ztunnels(look: Looking) -> Iterator[_Certificate]:
    for dump in look.answers(ZTUNNEL_DUMPS):
        for entry in dump.get("certificates") or ():
            identity = str(entry.get("identity", ""))
            if _about(look, identity):
                yield from _one(entry.get("leaf"), False, identity, f"certificate of {identity}", ref(dump))
                yield from _root(entry.get("root"), dump)


def _of_envoys(look: Looking) -> Iterator[_Certificate]:
    for answer in look.answers(ENVOY_CERTIFICATES):
        if not look.asked(namespace_of(answer)):
            continue
        for entry in answer.get("certificates") or ():
            if entry.get("name") == "ROOTCA":
                yield from _root(entry, answer)
            else:
                what = f"certificate of a {answer.get('proxy') or 'proxy'}"
                yield from _one(entry, False, ref(answer), what, ref(answer))


_READERS: tuple[Callable[[Looking], Iterator[_Certificate]], ...] = (_roots, _of_ztunnels, _of_envoys)


def _root(entry: Any, of: Obj) -> Iterator[_Certificate]:
    serial = str(entry.get("serial") or "") if isinstance(entry, Mapping) else ""
    yield from _one(entry, True, f"root {serial}", f"root certificate {serial}", ref(of))


def _one(entry: Any, root: bool, group: str, what: str, where: str) -> Iterator[_Certificate]:
    if isinstance(entry, Mapping) and entry.get("not_after"):
        yield _Certificate(str(entry["not_after"]), str(dig(entry, "not_before") or ""), root, group, what, where)


def _about(look: Looking, identity: str) -> bool:
    """Whether an identity, `spiffe://DOMAIN/ns/NAMESPACE/sa/NAME`, is of a namespace that is asked about."""
    parts = identity.split("/")
    return look.namespaces is None or ("ns" in parts and look.asked(parts[parts.index("ns") + 1]))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
