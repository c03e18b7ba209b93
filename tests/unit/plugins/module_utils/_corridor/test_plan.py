# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.meshwright.istio.plugins.module_utils._corridor.plan import Plan, Step

PLAN = Plan(
    [
        Step("Namespace istio-system", "none", "as desired"),
        Step(
            "release/istiod",
            "repair",
            f"changed since it was installed: {', '.join(f'Deployment istio-system/istiod-{n}' for n in range(4))}",
            before={"a": 1},
            after={"a": 2},
            predicted_by="server",
            notes=["objects: 2 to change"],
        ),
    ]
)


def test_what_changes() -> None:
    assert PLAN.changed
    assert not Plan(PLAN.steps[:1]).changed
    assert PLAN.diff() == [
        {"before_header": "release/istiod", "after_header": "release/istiod", "before": {"a": 1}, "after": {"a": 2}}
    ]


def test_the_summary_has_no_bodies() -> None:
    assert PLAN.summary()[0] == {"step": "Namespace istio-system", "action": "none", "reason": "as desired"}
    assert PLAN.summary()[1].keys() == {"step", "action", "reason", "predicted_by", "notes"}


def test_the_table_is_aligned_and_wrapped() -> None:
    lines = PLAN.table()
    assert lines[0] == "ACTION  STEP                    PREDICTED BY  REASON"
    assert lines[1] == "none    Namespace istio-system  -             as desired"
    assert lines[2].startswith(
        "repair  release/istiod          server        changed since it was installed: Deployment"
    )
    at = lines[0].index("REASON")
    assert len(lines) > 4
    assert {line[:at].strip() for line in lines[3:]} == {""}
    assert lines[-1][at:] == "objects: 2 to change"
    assert max(map(len, lines)) <= 98


def test_a_plan_without_steps() -> None:
    assert Plan().table() == ["ACTION  STEP  PREDICTED BY  REASON"]
