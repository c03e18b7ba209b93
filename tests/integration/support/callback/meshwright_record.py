# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes what each task answered to the file named by MESHWRIGHT_RECORD, for tests to read."""

from __future__ import annotations

DOCUMENTATION = """
name: meshwright_record
type: aggregate
short_description: Records task results as JSON lines
description: For the tests of meshwright.istio only.
"""

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """One JSON object per line, written as it happens, so that a killed run leaves what it had."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "meshwright_record"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, entry: dict[str, Any]) -> None:
        with open(os.environ["MESHWRIGHT_RECORD"], "a", encoding="utf-8") as record:
            record.write(json.dumps(entry, default=str) + "\n")

    def _task(self, status: str, result: Any) -> None:
        answer = result._result
        self._write(
            {
                "task": result.task_name,
                "action": result._task.action,
                "host": result._host.get_name(),
                "status": status,
                "changed": bool(answer.get("changed")),
                "result": answer,
            }
        )

    def v2_runner_on_ok(self, result: Any) -> None:
        self._task("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._task("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._task("skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._task("unreachable", result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._write({"stats": {host: stats.summarize(host) for host in stats.processed}})
