# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The release istio-base: CRDs that all meshes share, and the validator that one revision answers. Pure."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace

from ..._desired.helm import DesiredRelease, releases_of
from ..._desired.layout import DEFAULT_TAG, IN_PLACE, Installed, Layout, Part
from ..._desired.values import merge
from ..._errors import GuardRefused
from ..._intent.mesh import RELEASES, MeshIntent
from ..._tools.helm_releases import Release
from .decide import Decision
from .installed import version_of

_KEY = "defaultRevision"
DEFAULT_REVISION = "default revision"


def base_release(
    intent: MeshIntent, release: Release | None, installed: Installed, layout: Layout, parts: Set[Part]
) -> DesiredRelease | None:
    """The release as the part `crds` wants it; None where that is not asked for.

    Its validator stays where it is: it is moved by `default_move`, once the new one is ready. What several meshes
    share keeps its values, and is never downgraded.
    """
    if "crds" not in parts:
        return None
    if intent.revisioned:
        current, wanted = default_of(release), wanted_default(intent, release, installed, layout)
        alive = release is not None and current in {"", *_alive(installed)}
        desired = next(iter(releases_of(intent, layout, {"crds"}, current if alive else wanted)), None)
    else:
        desired = next(iter(releases_of(intent, layout, {"crds"})), None)
    if desired is None or release is None or not _shared(intent, installed):
        return desired
    values = merge(release.values, desired.values)
    if intent.revisioned:
        values[_KEY] = desired.values.get(_KEY, IN_PLACE)
    newer = layout.crds is not None and version_of(release) < layout.crds
    return replace(desired, values=values, version=desired.version if newer else release.version)


def default_move(
    intent: MeshIntent,
    release: Release | None,
    installed: Installed,
    layout: Layout,
    parts: Set[Part],
    base: DesiredRelease | None,
) -> Decision | None:
    """The move of the default validator, after everything else; None when there is none.

    `base` is what the part `crds` makes of the release before.
    """
    if "tags" not in parts or not intent.revisioned or release is None:
        return None
    wanted = wanted_default(intent, release, installed, layout)
    current = str(base.values.get(_KEY, IN_PLACE)) if base else default_of(release)
    if wanted == current:
        return None
    below = base or DesiredRelease(
        "base", RELEASES["base"], release.namespace, release.chart, release.version, release.values
    )
    desired = replace(below, values=merge(below.values, {_KEY: wanted}), purpose=DEFAULT_REVISION)
    reason = f"objects without istio.io/rev are validated by {wanted or 'nobody'}, not {current or 'nobody'}"
    return Decision(desired, "update", reason)


def without_default(release: Release) -> Decision:
    """The release as it is, but for its validator, whose revision goes while other meshes stay."""
    values = merge(release.values, {_KEY: ""})
    desired = DesiredRelease(
        "base", release.name, release.namespace, release.chart, release.version, values, DEFAULT_REVISION
    )
    return Decision(
        desired, "update", f"objects without istio.io/rev are validated by nobody, not {default_of(release)}"
    )


def default_of(release: Release | None) -> str:
    """The revision whose istiod the validator asks; "" without a validator."""
    if release is None:
        return ""
    told = release.values.get(_KEY, IN_PLACE)
    return str(told) if told is not None else IN_PLACE


def wanted_default(intent: MeshIntent, release: Release | None, installed: Installed, layout: Layout) -> str:
    """As the tag `default`; where it is another mesh's, as it is."""
    tag = layout.tags.get(DEFAULT_TAG, "")
    if tag in layout.revisions:
        return tag
    current = default_of(release)
    return current if current in _foreign(installed) else ""


def guard_base_elsewhere(release: Release | None, layout: Layout, parts: Set[Part]) -> str:
    """A note on CRDs that another namespace's release brings; raises GuardRefused when they are too old."""
    if release is None or "crds" not in parts or layout.crds is None:
        return ""
    if version_of(release) < layout.crds:
        raise GuardRefused(
            f"Istio's CRDs belong to the release {release.namespace}/{release.name} {release.version}, which is older "
            f"than {layout.crds}.",
            hint="Upgrade that mesh first, or install this one in its namespace.",
        )
    return f"the CRDs are those of the release {release.namespace}/{release.name} {release.version}"


def _alive(installed: Installed) -> set[str]:
    return {*(installed.layout.revisions if installed.layout else {}), *_foreign(installed)}


def _foreign(installed: Installed) -> set[str]:
    return {other.rpartition("/")[2] for other in installed.others}


def _shared(intent: MeshIntent, installed: Installed) -> bool:
    return any(other.startswith(f"{intent.namespace}/") for other in installed.others)
