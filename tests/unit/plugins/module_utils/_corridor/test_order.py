# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is written before what."""

from __future__ import annotations

from ansible_collections.meshwright.istio.plugins.module_utils._corridor.order import WAVES, wave
from ansible_collections.meshwright.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshwright.istio.plugins.module_utils._kube.kinds import Kind


def test_what_others_need_comes_first() -> None:
    rising = [
        kinds.NAMESPACE,
        kinds.SERVICE_ACCOUNT,
        kinds.DEPLOYMENT,
        kinds.VALIDATING_WEBHOOK,
        kinds.AUTHORIZATION_POLICY,
    ]
    assert [wave(kind) for kind in rising] == list(range(WAVES))


def test_a_custom_resource_is_not_taken_for_a_builtin_of_its_name() -> None:
    assert wave(Kind("serving.knative.dev", "v1", "Service", "services")) == wave(kinds.HTTP_ROUTE)
