# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first user's story, by either method: an ambient mesh with a named cluster, used, upgraded, the old one gone."""

from __future__ import annotations

from functools import partial
from typing import Any

from .telling import Story

SHOP, LEGACY, PINNED = "shop", "legacy", "pinned"
POLICIES: tuple[dict[str, Any], ...] = (
    {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": {"name": "default", "namespace": SHOP},
        "spec": {"mtls": {"mode": "STRICT"}},
    },
    {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "only-checkout", "namespace": SHOP},
        "spec": {
            "selector": {"matchLabels": {"app": "payment"}},
            "action": "ALLOW",
            "rules": [{"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/default"]}}]}],
        },
    },
    {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "ledger", "namespace": LEGACY},
        "spec": {"host": "ledger.legacy.svc.cluster.local", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}},
    },
)


def revision(version: str) -> str:
    return f"default-v{version.replace('.', '-')}"


def install(story: Story, version: str) -> None:
    """The mesh, and three namespaces in it: ambient, with sidecars by the default tag, with sidecars by a revision."""
    now = revision(version)
    story.tell(f"Install Istio {version}, ambient, by revisions, in a cluster named homelab-cluster.")
    story.play("site", control_plane_version=version).ok()
    story.expect(f"its istiod is istiod-{now}", lambda: story.istiods() == {f"istiod-{now}"})
    story.expect("ztunnel dials it", lambda: story.ztunnel_dials() == f"istiod-{now}")

    story.tell("The same again: nothing to do.")
    assert story.play("site", control_plane_version=version).ok().changed == 0

    story.tell("Teams move in: one namespace in ambient mode, one with sidecars, one pinned to this revision.")
    story.workloads(SHOP, {"istio.io/dataplane-mode": "ambient"}, ("checkout", "payment"))
    story.workloads(LEGACY, {"istio-injection": "enabled"}, ("ledger", "mailer"))
    story.workloads(PINNED, {"istio.io/rev": now}, ("vault",))
    story.policies(*POLICIES)
    for namespace in (LEGACY, PINNED):
        story.expect(
            f"the pods of {namespace} have sidecars of {now}",
            partial(story.runs, namespace, now),
        )


def upgrade(story: Story, old_version: str, new_version: str) -> None:
    """From one to the other, watched, and once more for nothing."""
    old, new = revision(old_version), revision(new_version)
    policies, root = story.versions_of_policies(), story.root_certificate()
    before = {namespace: story.generations(namespace) for namespace in (SHOP, LEGACY, PINNED)}

    story.tell(f"What would an upgrade to {new_version} do?")
    story.play("upgrade", check=True, control_plane_version=new_version).ok()
    story.expect("it changed nothing", lambda: story.istiods() == {f"istiod-{old}"})

    story.tell(f"Upgrade to {new_version}.")
    story.play("upgrade", control_plane_version=new_version).ok()
    story.expect("ztunnel dials the new istiod", lambda: story.ztunnel_dials() == f"istiod-{new}")
    for namespace in (LEGACY, PINNED):
        story.expect(
            f"the pods of {namespace} have sidecars of {new}",
            partial(story.runs, namespace, new),
        )
        after = story.generations(namespace)
        assert after == {name: count + 1 for name, count in before[namespace].items()}, "each is restarted once"
    assert story.generations(SHOP) == before[SHOP], "ambient workloads need no restart"
    story.expect(f"the old istiod is gone: istiod-{old}", lambda: story.istiods() == {f"istiod-{new}"}, 120)
    assert story.versions_of_policies() == policies, "no policy was written to"
    assert story.root_certificate() == root, "the root certificate stayed"

    story.tell("The same again: nothing to do. And the mesh is well.")
    assert story.play("upgrade", control_plane_version=new_version).ok().changed == 0
    assert story.play("site", control_plane_version=new_version).ok().changed == 0
