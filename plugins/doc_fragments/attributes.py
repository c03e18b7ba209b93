# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module says of itself under `attributes`; a module adds `support` and, where it is partial, `details`."""

from __future__ import annotations


class ModuleDocFragment:
    """`meshwright.istio.attributes`."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return the changed status it predicts, without modifying the target.
  diff_mode:
    description: Returns what has changed, or would change in C(check_mode), when in diff mode.
  idempotent:
    description:
      - Run twice in a row without other changes in between, it makes no change the second time.
      - This assumes that the cluster's own controllers do not change what was applied.
  action_group:
    description:
      - Use C(group/istio) or C(group/meshwright.istio.istio) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - meshwright.istio.istio
  platform:
    description: Target operating systems and families that can be operated against.
    platforms: posix
    support: full
"""
