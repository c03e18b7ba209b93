# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The collection's version, for what it leaves on a cluster; a test holds it against galaxy.yml."""

from __future__ import annotations

VERSION = "0.5.0"
