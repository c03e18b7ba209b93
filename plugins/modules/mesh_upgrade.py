#!/usr/bin/python

# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mesh_upgrade
short_description: Upgrade an Istio mesh revision by revision, with a gate before each step and a way back
version_added: 0.2.0
description:
  - One short stage of an upgrade for each call. The new version is installed beside the old one, looked at, and only
    then given workloads, batch by batch; the old one goes when nothing uses it any more.
  - The stages are V(preflight), V(canary), V(gate), V(shift) as often as RV(batches_left) says, and V(finish);
    V(return) goes back from any of them. The role C(control_plane) and the playbooks C(upgrade.yml) and C(rollback.yml)
    put them in order.
  - Each stage does the same when it is run again, and nothing when there is nothing left to do. How far the upgrade got
    is written, ahead of each step, to the ConfigMap C(meshwright-upgrade-NAME) in the mesh's namespace, so that a run
    that was killed or cut off goes on or goes back when it is run again. Two runs exclude each other by a Lease.
  - For a mesh with O(update_strategy=revision_based), by either method. M(meshwright.istio.istio_mesh) upgrades other
    meshes in place.
author:
  - the meshwright.istio authors (@meshwright)
requirements:
  - kubernetes (Python package)
  - helm 3.17 or newer, 4 included (with O(method=helm), only when something is to be installed, changed or removed)
extends_documentation_fragment:
  - meshwright.istio.mesh
  - meshwright.istio.kube_connection
  - meshwright.istio.attributes
attributes:
  check_mode:
    support: full
    details:
      - Every stage says what it would do. V(preflight) and V(canary) show the whole upgrade in its order, with the
        workloads that would be restarted.
  diff_mode:
    support: full
    details: One entry for each step. CRDs and long texts are shown by version, size and digest.
  idempotent:
    support: full
options:
  stage:
    description:
      - V(preflight) looks for all that speaks against the upgrade, and fails with the whole list. It compares versions
        of Istio, Kubernetes, istio-cni and ztunnel, stored versions of CRDs, API versions in use, every object with the
        new version's schemas, and finds workloads that could not be restarted. It writes nothing but O(backup).
      - V(canary) installs the new version's CRDs and its istiod beside the old one. Workloads and ztunnel stay on the
        old one, which is kept from being pruned.
      - V(gate) asks whether istiod is ready, its webhooks answer, it accepts every object there is (by dry runs), the
        proxies connected to it acknowledge what it sends, and M(meshwright.istio.mesh_verify)'s checks find no error
        that was not there before; and whether that stays so for O(soak) seconds.
        Before anything was moved no proxy is connected, which is unknown and not passed, and does not stop the first
        batch.
      - V(shift) moves the next batch, then asks the gate again. The order is istio-cni, ztunnel, tags, namespaces,
        waypoints, gateways. Namespaces that name the old revision are labelled anew, and workloads whose pods run it
        are restarted, each once. Replacing ztunnel resets long-lived connections of ambient pods, node by node.
      - V(finish) retires the old revision. It fails, and lists them, while anything uses it.
      - V(return) takes everything back to the old revision, restarting what runs the new one, then takes the new one
        away. It succeeds, and says in RV(failure) why the upgrade had failed; the role fails the play with that. CRDs
        stay as the new version has them.
      - V(status) says how far an upgrade is, who uses which revision, and what comes next.
    type: str
    choices: [preflight, canary, gate, shift, finish, return, status]
    required: true
  batch:
    description: How many namespaces one V(shift) moves. Everything else is moved one by one.
    type: int
    default: 1
  soak:
    description: Seconds for which a passed V(gate) must hold. The gate after each batch has none.
    type: int
    default: 0
  backup:
    description:
      - A file for the mesh's configuration, written by V(preflight) with mode 0600. It holds Istio's and the Gateway
        API's objects, the Sail Operator's resources and the mesh's labels of namespaces, as one Kubernetes List.
      - C(kubectl apply --server-side --force-conflicts -f FILE) brings them back.
      - It is not written any more once the upgrade is under way.
    type: path
  gate_skip:
    description:
      - What does not count in the gate. V(webhooks), V(policies), V(xds), V(verify), or checks of
        M(meshwright.istio.mesh_verify) such as V(MW0011).
    type: list
    elements: str
  accept_blockers:
    description:
      - Workloads (V(Deployment shop/cart), V(shop/cart)) or units (V(namespace/shop)) whose blockers are accepted.
        They are left on the old revision, so V(finish) waits for somebody to see to them.
    type: list
    elements: str
  restart_timeout:
    description: Seconds that restarted workloads have to get ready, for each group of O(restarts_at_a_time).
    type: int
    default: 300
  restarts_at_a_time:
    description: How many workloads of a namespace are restarted together.
    type: int
    default: 1
seealso:
  - module: meshwright.istio.istio_mesh
  - module: meshwright.istio.mesh_verify
"""

EXAMPLES = r"""
- name: What would the upgrade do, and what speaks against it?
  meshwright.istio.mesh_upgrade:
    stage: preflight
    context: demo
    update_strategy: revision_based
    version: 1.32.0
    backup: /var/backups/mesh-demo.json
  check_mode: true

- name: Install the new version beside the old one
  meshwright.istio.mesh_upgrade:
    stage: canary
    context: demo
    update_strategy: revision_based
    version: 1.32.0

- name: Is it good, and does it stay so for ten minutes?
  meshwright.istio.mesh_upgrade:
    stage: gate
    context: demo
    update_strategy: revision_based
    version: 1.32.0
    soak: 600

- name: Move the next batch
  meshwright.istio.mesh_upgrade:
    stage: shift
    context: demo
    update_strategy: revision_based
    version: 1.32.0
    batch: 5
  register: moved

- name: Retire the old version
  meshwright.istio.mesh_upgrade:
    stage: finish
    context: demo
    update_strategy: revision_based
  when: moved.batches_left == 0

- name: Take it all back
  meshwright.istio.mesh_upgrade:
    stage: return
    context: demo
    update_strategy: revision_based
"""

RETURN = r"""
stage:
  description: The stage that was run.
  returned: success
  type: str
steps:
  description: What was done, or would be done in check mode, in order.
  returned: success, and when a step fails
  type: list
  elements: dict
  contains:
    step:
      description: What the step is about, such as C(release/istiod-default-v1-32-0), C(ztunnel) or C(namespace/shop).
      type: str
    action:
      description: C(create), C(update), C(repair), C(recover), C(delete) or C(none).
      type: str
    reason:
      description: Why; of a namespace also the workloads to restart.
      type: str
    predicted_by:
      description: C(server), C(schema) or C(local).
      type: str
    notes:
      description: How it was carried out.
      type: list
      elements: str
table:
  description: The steps as lines of aligned text.
  returned: success
  type: list
  elements: str
upgrade:
  description: The upgrade as its journal has it; empty when none is under way.
  returned: success, and when a stage fails that has begun one
  type: dict
  contains:
    id:
      description: The upgrade's identifier, which is also the mark of its restarts.
      type: str
    method:
      description: The install method.
      type: str
    from:
      description: C(revision) and C(version) before.
      type: dict
    to:
      description: C(revision) and C(version) to upgrade to.
      type: dict
    stage:
      description: The last stage that was begun; C(finished) or C(returned) when this call ended it.
      type: str
    canary:
      description: C(started) or C(done).
      type: str
    units:
      description: What was moved so far. C(unit), and C(status), which is C(started), C(done) or C(undone).
      type: list
      elements: dict
    gate:
      description: What the last gate said.
      type: dict
    failure:
      description: The last failure. C(stage), C(unit), C(error) and C(message).
      type: dict
    return_failure:
      description: The last failure on the way back, likewise.
      type: dict
    events:
      description: What happened when; the last twenty.
      type: list
      elements: dict
  sample:
    id: 5f0c9a1e
    from: {revision: default-v1-31-1, version: 1.31.1}
    to: {revision: default-v1-32-0, version: 1.32.0}
    stage: shift
    units:
      - {unit: ztunnel, status: done}
      - {unit: namespace/shop, status: started}
unit:
  description: The units of this call, such as C(cni), C(tags), C(namespace/shop), C(waypoint/shop/waypoint).
  returned: success
  type: list
  elements: str
left:
  description: The units that are not moved yet.
  returned: success
  type: list
  elements: str
batches:
  description: The batches still to be moved, each a list of units.
  returned: O(stage) is V(preflight), V(gate), V(shift) or V(status), and V(canary) in check mode
  type: list
  elements: list
batches_left:
  description: How many there are.
  returned: with RV(batches)
  type: int
gate:
  description: What the gate said.
  returned: O(stage) is V(gate), V(shift) or V(status), and when the gate fails
  type: dict
  contains:
    status:
      description: C(passed), C(failed), or C(unknown) when nothing failed but something could not be seen.
      type: str
    criteria:
      description: C(name), C(status) and C(reason) of each.
      type: list
      elements: dict
returned:
  description: Whether something was taken back.
  returned: O(stage=return)
  type: bool
failure:
  description: Why the upgrade had failed, from its journal; empty when it had not.
  returned: O(stage=return)
  type: dict
blockers:
  description: What speaks against the upgrade.
  returned: when V(preflight) fails
  type: list
  elements: str
users:
  description: Who still uses the revision that is to go.
  returned: when V(finish) or V(return) fails for that reason
  type: list
  elements: str
usage:
  description: Who uses each revision.
  returned: O(stage=status)
  type: dict
mesh:
  description: The mesh as it is, in the shape that M(meshwright.istio.istio_mesh) returns.
  returned: O(stage) is V(finish), V(return) or V(status)
  type: dict
next:
  description: What comes next.
  returned: success
  type: str
notes:
  description: What else there is to know.
  returned: success
  type: list
  elements: str
seconds:
  description: How long the module took.
  returned: success
  type: float
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._corridor.upgrade.walk import walk_upgrade
from ..module_utils._intent.upgrade import UPGRADE_SPEC
from ..module_utils._kube.connection import CONNECTION_SPEC
from ..module_utils._module import run_module


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec={**CONNECTION_SPEC, **UPGRADE_SPEC}, supports_check_mode=True)
    run_module(module, walk_upgrade)


if __name__ == "__main__":
    main()
