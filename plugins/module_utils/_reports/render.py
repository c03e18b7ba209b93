# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The one way from a report to text: the formats there are, named one by one."""

from __future__ import annotations

from collections.abc import Callable

from .._errors import BadInput
from .as_json import as_json
from .junit import junit
from .markdown import markdown
from .model import Report
from .page.whole import page

_RENDERERS: dict[str, Callable[[Report], str]] = {
    "html": page,
    "json": as_json,
    "junit": junit,
    "markdown": markdown,
}

FORMATS: tuple[str, ...] = tuple(_RENDERERS)


def render(format: str, report: Report) -> str:
    """The report's whole text, ending in a line feed and fit for UTF-8. Raises BadInput for a format there is not."""
    try:
        return _RENDERERS[format](report)
    except KeyError:
        raise BadInput(f"There is no report format {format}.", hint=f"There are {', '.join(FORMATS)}.") from None
