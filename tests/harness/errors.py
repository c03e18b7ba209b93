# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the harness raises: always a sentence that names the thing and the way out."""

from __future__ import annotations


class HarnessError(Exception):
    """The harness cannot go on. `str()` of it is what a person reads."""


class PortTaken(HarnessError):
    """A loopback port was in use when a process wanted to listen on it."""
