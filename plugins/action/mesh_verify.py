# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of `mesh_verify`: reports are rendered and written where the playbook is.

An execution environment's files vanish with it, so a report without a path is given back as text. Its documentation is
the module's.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

from ..module_utils._reports.changes import changes
from ..module_utils._reports.model import Report
from ..module_utils._reports.render import FORMATS, render

_LARGEST = 20_000_000
_MOST_REPORTS = 16


class _Refused(Exception):
    """The task cannot be carried out as written."""


class ActionModule(ActionBase):  # type: ignore[misc]
    """Runs the module once, compares what it found with the run before, and writes the reports, also of a failure."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        args = dict(self._task.args)
        wrap_async = self._task.async_val and not self._connection.has_native_async
        try:
            reports = _wanted(args.get("reports"))
            if wrap_async and (reports or args.get("compare_with")):
                raise _Refused("`reports` and `compare_with` need the result at once: run the task without `async`.")
            paths = [self._place(report) for report in reports]
            before = self._before(args.get("compare_with"), reports, paths)
        except _Refused as error:
            return {**result, "failed": True, "msg": str(error), "error": "BadInput"}
        asked = boolean(args.get("info") or False, strict=False)
        # What a report shows beside findings: the mesh as it is.
        args["info"] = asked or any(report["format"] in ("html", "json") for report in reports)
        result.update(self._execute_module(module_args=args, task_vars=task_vars, wrap_async=wrap_async))
        if not wrap_async:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        if "checks" not in result:
            # Nobody could be asked, or the options are wrong: nothing was verified, and what was reported stands.
            return result
        if before is not None:
            result["changes"] = changes(before, result)
        # A JUnit case fails as the task does.
        strict = boolean(args.get("fail_on_unknown") or False, strict=False)
        about = {"fail_on": args.get("fail_on"), "fail_on_unknown": strict}
        try:
            result["reports"] = [_written(*each, result, about) for each in zip(reports, paths, strict=True)]
        except OSError as error:
            said = f"The report {error.filename} cannot be written on the controller: {error.strerror}."
            first = f"{result['msg']} " if result.get("failed") and result.get("msg") else ""
            result.update(failed=True, error="ReportNotWritten", msg=first + said)
        if not asked:
            result.pop("info", None)
        return result

    def _place(self, report: Mapping[str, Any]) -> str:
        """Where a report goes: a path relative to the playbook is made whole; empty when it is given back as text."""
        path = report.get("path")
        if not path:
            return ""
        place: str = self._loader.path_dwim(str(path))
        if os.path.isdir(place):
            raise _Refused(f"`reports`: {place} is a folder on the controller; name a file.")
        return place

    def _before(self, named: Any, reports: list[dict[str, Any]], paths: list[str]) -> dict[str, Any] | None:
        """The run before: the JSON report named, or else the one that this run is to replace; None without any."""
        path = self._loader.path_dwim(str(named)) if named else ""
        if not path:
            path = next((each for report, each in zip(reports, paths, strict=True) if report["format"] == "json"), "")
        if not path or not os.path.exists(path):
            return None
        try:
            if os.path.getsize(path) > _LARGEST:
                raise ValueError("it is larger than any report")
            with open(path, encoding="utf-8") as file:
                found = json.load(file)
            if not isinstance(found, dict) or not isinstance(found.get("checks"), list):
                raise ValueError("it has no list of checks")
        except (OSError, ValueError) as error:
            if named:
                raise _Refused(f"`compare_with`: {path} is no JSON report of mesh_verify: {error}.") from None
            raise _Refused(
                f"`reports`: {path} is there on the controller, and is no JSON report of mesh_verify ({error}): it is "
                "not overwritten. Move it away, or name another file."
            ) from None
        return found


def _wanted(given: Any) -> list[dict[str, Any]]:
    """The reports asked for, far enough looked at to go on; the module judges the options as a whole."""
    reports = given if isinstance(given, list) else [given] if given else []
    if len(reports) > _MOST_REPORTS:
        raise _Refused(f"`reports` has {len(reports)} elements; {_MOST_REPORTS} are the most.")
    for at, report in enumerate(reports):
        if not isinstance(report, Mapping) or report.get("format") not in FORMATS:
            raise _Refused(f"`reports[{at}].format` has to be one of {', '.join(FORMATS)}.")
    return [dict(report) for report in reports]


def _written(
    report: Mapping[str, Any], path: str, result: Mapping[str, Any], about: Mapping[str, Any]
) -> dict[str, Any]:
    """What becomes of one report: `format`, and `path` with `bytes`, or `content`."""
    text = render(report["format"], Report.of(result, title=str(report.get("title") or ""), about=about))
    if not path:
        return {"format": report["format"], "content": text}
    data = text.encode("utf-8")
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        # Whole or not at all: whoever looks at the page meanwhile sees the one before.
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(path), prefix=".report-", delete=False) as file:
            file.write(data)
        os.chmod(file.name, 0o644 & ~_umask())
        os.replace(file.name, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    return {"format": report["format"], "path": path, "bytes": len(data)}


def _umask() -> int:
    """The process's mask for new files, which can only be read by setting it."""
    found = os.umask(0o077)
    os.umask(found)
    return found
