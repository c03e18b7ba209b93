# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All cases there are, those that disturb the whole mesh last."""

from __future__ import annotations

from ..ground import Case, all_of
from . import enrolled, inside, policy

CASES: list[Case] = all_of(enrolled.CASES, inside.CASES, policy.CASES)
