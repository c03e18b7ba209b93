# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What is asked inside the mesh, by port-forward and from logs."""

from __future__ import annotations

from .snapshot_reads import Read

INSIDE_READS: tuple[Read, ...] = ()
