# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For each check a state of a real cluster that triggers it, and the same mended, which does not."""

from __future__ import annotations

import pytest

from .cases.all import CASES
from .ground import Case, Ground


@pytest.mark.parametrize("case", CASES, ids=str)
def test_pair(case: Case, ground: Ground) -> None:
    case.play(ground)
