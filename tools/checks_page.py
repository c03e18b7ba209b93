# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes docs/checks.md from the registry of checks; `--check` only says whether it is up to date.

python tools/checks_page.py [--check]
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "build" / "collections"))

from ansible_collections.meshwright.istio.plugins.module_utils._checks import sources  # noqa: E402
from ansible_collections.meshwright.istio.plugins.module_utils._checks.model import Check  # noqa: E402
from ansible_collections.meshwright.istio.plugins.module_utils._checks.registry import CATEGORIES, CHECKS  # noqa: E402
from ansible_collections.meshwright.istio.plugins.module_utils._kube.kinds import KINDS  # noqa: E402

PAGE = ROOT / "docs" / "checks.md"
_INTRODUCTION = """\
# The checks of mesh_verify

<!-- Written by tools/checks_page.py from plugins/module_utils/_checks: change it there. -->

`meshwright.istio.mesh_verify` takes one snapshot of a cluster and runs these checks over it. Select them by identifier
(`MW0017`), by number (`17`) or by category (`webhooks`), with `checks` and `skip`. The identifiers are stable.

| Status | |
|---|---|
| passed | looked at, and neither an error nor a warning was found |
| warning | found something that should be mended, and works today |
| failed | found something that is broken, or breaks at the next turn |
| unknown | could not see what it needs: the reason names the missing right, or what did not answer; it never passes |
| skipped | there is nothing here for it to look at, and the reason says why |

A finding has a severity (error, warning, info), the objects concerned, the evidence that was read, and a remedy: a
command, or an option of this collection. All that is read is read through the Kubernetes API; nothing is written.

What is listed in all namespaces is read namespace by namespace where no more is permitted: in those that `namespaces`
names, else in those where the user may list it. Nothing is said of namespaces that were not asked for. Where more was
asked for than could be seen, a check that found nothing is unknown, and its reason says what was read.

"""
_EVERYWHERE = " in all namespaces"


def _listing(name: str) -> str:
    """The right to list a kind, given as `group/Kind`."""
    group, _slash, kind = name.partition("/")
    found = next(each for each in KINDS.values() if (each.group, each.kind) == (group, kind))
    return f"list {found.resource}{' in all namespaces' if found.namespaced else ''}"


# What a source needs, as RBAC has it; discovery needs no right of its own.
RIGHTS: dict[str, str] = {
    "api": "discovery",
    "crds": "list customresourcedefinitions.apiextensions.k8s.io",
    "nodes": "list nodes",
    "namespaces": "list namespaces",
    "istiods": "list deployments.apps in all namespaces",
    "daemonsets": "list daemonsets.apps in all namespaces",
    "mutating_webhooks": "list mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validating_webhooks": "list validatingwebhookconfigurations.admissionregistration.k8s.io",
    "proxies": "list pods in all namespaces",
    "revision_pods": "list pods in all namespaces",
    "autoscalers": "list horizontalpodautoscalers.autoscaling where istiod runs",
    "disruption_budgets": "list poddisruptionbudgets.policy where istiod runs",
    "services": "list services where istiod runs, and where webhooks and ztunnel look for it",
    "endpoint_slices": "list endpointslices.discovery.k8s.io in the same namespaces",
    "component_pods": "list pods where istiod, istio-cni and ztunnel run",
    "sail_istios": "list istios.sailoperator.io",
    "sail_revisions": "list istiorevisions.sailoperator.io",
    "sail_tags": "list istiorevisiontags.sailoperator.io",
    "sail_cnis": "list istiocnis.sailoperator.io",
    "sail_ztunnels": "list ztunnels.sailoperator.io",
    sources.PODS: "list pods in all namespaces",
    sources.ALL_SERVICES: "list services in all namespaces",
    **{name: _listing(kind) for kind, name in sources.OF_KIND.items()},
    sources.ROOT_CERTIFICATES: "list configmaps in all namespaces",
    sources.JOURNALS: "list configmaps in all namespaces",
    sources.MESH_CONFIGS: "get configmaps where istiod runs",
    sources.REMOTE_SECRETS: "list secrets where istiod runs (metadata only)",
    sources.POD_METRICS: "list pods.metrics.k8s.io in all namespaces",
    sources.ISTIOD_SYNC: "get and create pods/portforward where istiod runs",
    sources.ISTIOD_METRICS: "get and create pods/portforward where istiod runs",
    sources.ISTIOD_CLUSTERS: "get and create pods/portforward where istiod runs",
    sources.ISTIOD_LOGS: "get pods/log where istiod runs",
    sources.ZTUNNEL_DUMPS: "get and create pods/portforward where ztunnel runs",
    sources.ZTUNNEL_METRICS: "get and create pods/portforward where ztunnel runs",
    sources.ENVOY_CERTIFICATES: "get and create pods/portforward where sidecars, gateways and waypoints run",
    sources.ENVOY_METRICS: "get and create pods/portforward where sidecars, gateways and waypoints run",
}


def page() -> str:
    """The page's text."""
    parts = [_INTRODUCTION, "| Check | | Category |\n|---|---|---|\n"]
    parts += [f"| [{check.id}](#{check.id.lower()}) | {check.title} | {check.category} |\n" for check in CHECKS]
    for category in CATEGORIES:
        parts.append(f"\n## {category.capitalize()}\n")
        parts += [_section(check) for check in CHECKS if check.category == category]
    return "".join(parts)


def _section(check: Check) -> str:
    extra = f"\n{_filled('- Adds what it can learn from: ' + rights_of(check.extra), '  ')}" if check.extra else ""
    return (
        f"\n### {check.id}\n\n" + _filled(f"**{check.title}.** {check.docs}") + "\n\n"
        f"- Reports at worst: {check.severity}\n" + _filled(f"- Reads: {rights_of(check.sources)}", "  ") + extra + "\n"
    )


def rights_of(sources_read: Iterable[str]) -> str:
    """The rights that these sources need, what is listed in all namespaces in one phrase."""
    rights = list(dict.fromkeys(RIGHTS[source] for source in sources_read))
    listed = [right for right in rights if right.startswith("list ") and right.endswith(_EVERYWHERE)]
    if len(listed) > 1:
        kinds = [right.removeprefix("list ").removesuffix(_EVERYWHERE) for right in listed]
        rights = [f"list {', '.join(kinds)}{_EVERYWHERE}", *(right for right in rights if right not in listed)]
    return "; ".join(rights)


def _filled(text: str, indent: str = "") -> str:
    return "\n".join(textwrap.wrap(text, 118, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the page is out of date")
    arguments = parser.parse_args()
    if not arguments.check:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page():
        print("docs/checks.md is out of date: run python tools/checks_page.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
