# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stories use the fixtures of the integration tests."""

from __future__ import annotations

from tests.integration.conftest import cluster, kubectl, namespace, offline_playbook, playbook

__all__ = ["cluster", "kubectl", "namespace", "offline_playbook", "playbook"]
