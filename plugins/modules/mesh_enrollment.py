#!/usr/bin/python

# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mesh_enrollment
short_description: Move namespaces into the mesh, out of it, and between ambient and sidecars
version_added: 0.4.0
description:
  - Brings namespaces, or single workloads, to a data plane mode. What stands in the way is found before the first
    write, and named all at once. The order keeps traffic flowing and policy enforced.
  - Workloads are restarted only where the mode asks for it, so many at a time, each once. The first one that does not
    come back, or comes back without what it should have, ends the run; nothing after it is touched.
  - For each policy in scope, each workload and each class of client (ambient, sidecar, outside) it is told who carries
    the policy out, before and after. A step that would leave a policy to nobody is refused unless O(accept_gaps) names
    it.
  - What is done is written, ahead of each step, to the ConfigMap C(meshwright-enrollment) of each namespace. A run that
    was killed goes on where it stopped when it is run again, and O(state=returned) gives each namespace back just what
    it had. Two runs exclude each other by the mesh's Lease.
  - With O(batch) each call does one batch and says in RV(batches_left) how many are left. The role C(data_plane) and
    the playbooks C(wave.yml) and C(migrate_data_plane.yml) make a task of each.
author:
  - the meshwright.istio authors (@meshwright)
requirements:
  - kubernetes (Python package)
extends_documentation_fragment:
  - meshwright.istio.kube_connection
  - meshwright.istio.attributes
attributes:
  check_mode:
    support: full
    details: Shows the whole plan, with all batches, blockers and gaps. Injection is asked for by dry runs.
  diff_mode:
    support: full
    details: One entry for each step. Labels and policies before and after; workloads by their mode.
  idempotent:
    support: full
options:
  state:
    description:
      - V(enrolled) brings namespaces or workloads to O(mode).
      - V(returned) gives each namespace back the labels, policies and workloads that it had before the last move, by
        its journal, and then forgets the journal. A namespace without a journal is left as it is.
      - V(status) says where each namespace is, and writes nothing. Without O(namespaces) and O(selector) it is about
        all that are in the mesh or have a journal.
    type: str
    choices: [enrolled, returned, status]
    default: enrolled
  namespaces:
    description: The namespaces, in the order in which they are moved. Every one must exist.
    type: list
    elements: str
  selector:
    description:
      - Selects namespaces by their labels, such as V(team=shop,stage!=prod), beside those named.
      - The control plane's namespace and those of Kubernetes itself are left out.
    type: str
  workloads:
    description:
      - Single workloads, as V(namespace/Kind/name), to be moved by labels of their pod template, whatever their
        namespace is. Not together with O(namespaces).
      - Kinds are V(Deployment), V(StatefulSet), V(DaemonSet) and V(Rollout).
    type: list
    elements: str
  exclude:
    description:
      - Namespaces that O(selector) would choose, or workloads (V(namespace/Kind/name)) that are to stay outside the
        move. Such a workload gets labels of its own in its pod template that keep it as it is, which makes its pods
        anew once.
    type: list
    elements: str
  mode:
    description:
      - V(ambient) has pods captured by ztunnel, without a restart unless they have a sidecar.
      - V(sidecar) has pods injected, which takes a restart.
      - V(none) takes them out of the mesh.
      - Required with O(state=enrolled). With O(state=status) it says against what RV(namespaces) is judged.
    type: str
    choices: [ambient, sidecar, none]
  revision:
    description:
      - The revision or tag that injects, for O(mode=sidecar). Workloads on another revision are restarted, and only
        those.
      - Without it, a namespace that has sidecars keeps what it has, and any other gets C(istio-injection=enabled).
    type: str
  waypoint:
    description:
      - The waypoint of the namespaces, for O(mode=ambient). A name is that of a waypoint in the namespace itself,
        V(namespace/name) one that several share, V(none) takes the label away.
      - It must be there, programmed and with a ready pod. M(meshwright.istio.waypoint) makes one.
      - Without it, a namespace keeps what it has.
    type: str
  pod_security:
    description:
      - The level of PodSecurity to enforce on the namespaces, for O(mode=sidecar) without istio-cni, whose sidecars
        V(baseline) refuses. Without it the level stays, and is a blocker where it would stop injection.
    type: str
    choices: [privileged, baseline, restricted]
  translate_policies:
    description:
      - Whether policies that a selector gives to workloads are given to the waypoint by C(targetRefs), where ztunnel
        could not carry them out, and back again on the way to sidecars.
      - The old ones first apply only to pods that still have a proxy, and are deleted when none is left.
    type: bool
    default: true
  protect:
    description:
      - Whether to refuse whoever goes round the waypoint, as clients with a sidecar and those outside the mesh do, by
        a policy for each workload that O(waypoint) stands before.
    type: bool
    default: false
  accept_blockers:
    description:
      - What may stand in the way. The name of a blocker (V(single-replica)), of an object (V(Deployment shop/cart),
        V(shop/cart)), or both (V(single-replica:shop/cart)).
      - A workload that cannot be restarted, and is accepted, is left as it is.
    type: list
    elements: str
  accept_gaps:
    description:
      - Policies that may be left to nobody, such as V(AuthorizationPolicy shop/deny-admin) or, for one class of client
        only, V(AuthorizationPolicy shop/deny-admin from sidecar).
    type: list
    elements: str
  batch:
    description:
      - How many workloads one call restarts. A call then does one batch only; labelling a namespace and finishing it
        are batches too. V(0) does everything in one call.
    type: int
    default: 0
  max_unavailable:
    description:
      - How many workloads of a batch are restarted together, as a number or a percentage of the batch. Within each
        workload its own strategy counts.
    type: str
    default: "1"
  pause:
    description: Seconds between one group of restarted workloads and the next.
    type: int
    default: 0
  restart_timeout:
    description: Seconds that each group of restarted workloads has to get ready and to look as expected.
    type: int
    default: 300
  journal_days:
    description: For how many days after a move its journal is of use to O(state=returned), as written on it.
    type: int
    default: 90
  istio_namespace:
    description: The control plane's namespace.
    type: str
    default: istio-system
  return:
    description:
      - V(summary) bounds lists of the result, V(full) has all rows of RV(account) and all steps.
    type: str
    choices: [summary, full]
    default: summary
  wait:
    description:
      - Whether to wait until a waypoint is bound, translated policies are accepted, and pods are captured or released.
        Restarts are always waited for.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait for another run to end, and for each of the things that O(wait) is about.
    type: int
    default: 300
notes:
  - Labels of namespaces are patched with a precondition, never applied, since others may own them. A GitOps tool that
    owns them puts its own back; change them there too.
  - A client with a sidecar does not go by waypoints, so what only a waypoint enforces does not apply to it. That is so
    in Istio itself; O(protect) refuses such clients instead.
seealso:
  - module: meshwright.istio.waypoint
  - module: meshwright.istio.mesh_policy
  - module: meshwright.istio.mesh_verify
  - module: meshwright.istio.mesh_upgrade
"""

EXAMPLES = r"""
- name: What would moving the shop to ambient take, and what speaks against it?
  meshwright.istio.mesh_enrollment:
    namespaces: [shop]
    mode: ambient
    waypoint: waypoint
    context: demo
  check_mode: true
  register: plan

- name: Show the plan
  ansible.builtin.debug:
    msg: "{{ plan.table }}"

- name: Move it, five workloads in each call
  meshwright.istio.mesh_enrollment:
    namespaces: [shop]
    mode: ambient
    waypoint: waypoint
    batch: 5
    max_unavailable: 2
    context: demo
  register: moved
  until: moved.batches_left == 0
  retries: 20
  delay: 1

- name: Capture all namespaces of a team, without a waypoint
  meshwright.istio.mesh_enrollment:
    selector: team=media
    mode: ambient
    exclude: [media-legacy]

- name: Move what is on an old revision to the tag `stable`
  meshwright.istio.mesh_enrollment:
    namespaces: [payment]
    mode: sidecar
    revision: stable

- name: Give the shop back just what it had
  meshwright.istio.mesh_enrollment:
    namespaces: [shop]
    state: returned
"""

RETURN = r"""
steps:
  description: The steps of this call, or in check mode of the whole plan, each with its action and reason.
  returned: success
  type: list
  elements: dict
  sample:
    - step: Namespace shop
      action: update
      reason: sidecar to ambient, by waypoint shop/waypoint
      predicted_by: server
table:
  description: The same as lines of text, for people.
  returned: success
  type: list
  elements: str
namespaces:
  description:
    - Where each namespace is, by its name. RV(namespaces.mode) and what follows is what its labels ask for now;
      RV(namespaces.pods) counts what its pods really are.
  returned: success
  type: dict
  contains:
    mode:
      description: V(ambient), V(sidecar) or V(none).
      type: str
      returned: always
    revision:
      description: The revision or tag that injects, or an empty text.
      type: str
      returned: always
    waypoint:
      description: The waypoint that the namespace names, as V(namespace/name), or an empty text.
      type: str
      returned: always
    pods:
      description: How many pods are V(sidecar), V(ambient), V(none) or V(gateway).
      type: dict
      returned: always
    stage:
      description:
        - How far the last move is, by its journal. V(prepare), V(restart), V(finish), V(done), V(return), or an empty
          text without a journal.
      type: str
      returned: always
    from:
      description: The mode before the last move, or an empty text without a journal.
      type: str
      returned: always
    in_place:
      description: Whether everything of it is as O(mode) and what goes with it ask; null without O(mode).
      type: bool
      returned: always
    left:
      description: Workloads that are not as the mode asks.
      type: list
      elements: str
      returned: always
batch:
  description: What this call did, such as V(prepare shop), V(Deployment shop/cart), V(finish shop).
  returned: success
  type: list
  elements: str
batches:
  description: What is left, as later calls would do it one after the other.
  returned: success
  type: list
  elements: list
batches_left:
  description: How many batches are left. V(0) when everything is done.
  returned: success
  type: int
account:
  description:
    - Who carries out which policy, before and after. Gaps and what is unknown first; what is bound is counted.
  returned: success
  type: dict
  contains:
    before:
      description: Counts of RV(account.gaps) and the like before the move.
      type: dict
      returned: always
    after:
      description: The same after it, in check mode as foretold.
      type: dict
      returned: always
    opened:
      description: What was bound before and is not after, accepted by O(accept_gaps).
      type: list
      elements: dict
      returned: always
    gaps:
      description: What nobody carries out after the move, with the reason.
      type: list
      elements: dict
      returned: always
resources:
  description:
    - What proxies request, and use where metrics are there, before the first call of the move and now. By namespace
      and in all, with CPU in millicores and memory in MiB.
  returned: when workloads are restarted, or with O(state=status)
  type: dict
blockers:
  description: What stands in the way and was accepted.
  returned: success
  type: list
  elements: str
restarted:
  description: Workloads that this call restarted.
  returned: success
  type: list
  elements: str
next:
  description: What to run next, or an empty text.
  returned: success
  type: str
notes:
  description: What a person should know.
  returned: success
  type: list
  elements: str
seconds:
  description: How long the module ran.
  returned: success
  type: float
  sample: 1.4
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._corridor.enrollment.walk import walk_enrollment
from ..module_utils._intent.enrollment_spec import ENROLLMENT_SPEC
from ..module_utils._kube.connection import CONNECTION_SPEC
from ..module_utils._module import run_module


def main() -> None:
    run_module(
        AnsibleModule(argument_spec={**CONNECTION_SPEC, **ENROLLMENT_SPEC}, supports_check_mode=True), walk_enrollment
    )


if __name__ == "__main__":
    main()
