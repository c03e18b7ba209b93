# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of the role data_plane follows mesh_enrollment and waypoint: a wave is a dict with options of both in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.roles import ROOT, documented, dump, spec

_NOTE = "Written by tools/roles.py from the documentation of {module}: change it there."
_FOLDER = ROOT / "roles" / "data_plane"
_AUTHOR = ["The meshwright.istio authors"]
_WAVES = "data_plane_waves[]."
# What the role itself gives to mesh_enrollment.
_OF_THE_ROLE = (
    "state",
    "namespaces",
    "selector",
    "workloads",
    "mode",
    "waypoint",
    "batch",
    "istio_namespace",
    "return",
)
# What only speaks of the way there.
_THERE = ("revision", "pod_security", "protect")
# What the role itself gives to the module waypoint, or leaves to a task of your own.
_NOT_OF_A_WAVE = ("state", "enroll", "canary", "made_for", "istio_namespace")

_MAIN: dict[str, Any] = {
    "short_description": "Waits until the data plane of an Istio mesh is whole",
    "description": [
        "Waits until istio-cni and ztunnel run their present generation on every node, and fits them to the control "
        "plane's version; fails with what is missing, where, and what mends it. Changes nothing.",
        "The components themselves are installed with the control plane, by the role "
        "R(meshwright.istio.control_plane, ansible_collections.meshwright.istio.control_plane_role).",
        "Namespaces are moved into the mesh by the entry point C(waves).",
        "What was found is in the variable C(data_plane_result) afterwards, as M(meshwright.istio.mesh_verify) "
        "returns it.",
    ],
    "author": _AUTHOR,
    "version_added": "0.1.0",
    "options": {
        "data_plane_checks": {
            "description": [
                "The checks that must hold, by identifier, number or category, as M(meshwright.istio.mesh_verify) "
                "has them."
            ],
            "type": "list",
            "elements": "str",
            "default": ["components"],
        },
        "data_plane_fail_on": {
            "description": ["How bad a finding fails the role."],
            "type": "str",
            "choices": ["error", "warning", "never"],
            "default": "error",
        },
        "data_plane_wait_timeout": {
            "description": ["For how many seconds to look again before giving up."],
            "type": "int",
            "default": 180,
        },
    },
}

_OWN: dict[str, dict[str, Any]] = {
    "name": {
        "description": ["What the wave is called. No two have one name. Reports are named by it."],
        "type": "str",
        "required": True,
    },
    "namespaces": {
        "description": [
            "The namespaces of the wave, in the order in which they are moved. No two waves have one in common.",
        ],
        "type": "list",
        "elements": "str",
    },
    "selector": {
        "description": [
            "Selects namespaces by their labels, such as V(team=shop,stage!=prod), beside those named. The control "
            "plane's and those of Kubernetes itself are left out.",
        ],
        "type": "str",
    },
    "mode": {
        "description": [
            "V(ambient) has pods captured by ztunnel, without a restart unless they have a sidecar; V(sidecar) has "
            "them injected, which takes a restart; V(none) takes them out of the mesh.",
        ],
        "type": "str",
        "choices": ["ambient", "sidecar", "none"],
        "default": "ambient",
    },
    "waypoint": {
        "description": [
            "For V(ambient). V(true) makes a waypoint named C(waypoint) in each namespace of the wave.",
            "A dict makes it as its options say, which are those of M(meshwright.istio.waypoint); with C(namespace) "
            "it is one there that all namespaces of the wave share, and C(allowed_namespaces) must let them.",
            "A text is the name of a waypoint that is there already, in the namespace itself, or as C(namespace/name).",
            "V(none) or V(false) takes a namespace off the waypoint that it has; without it, it keeps what it has.",
        ],
        "type": "raw",
    },
    "batch": {
        "description": [
            "How many workloads are restarted by one task. V(0) does the whole wave in one.",
        ],
        "type": "int",
        "default": 5,
    },
}

_AFTER: dict[str, dict[str, Any]] = {
    "gate": {
        "description": [
            "The checks that must hold before the wave begins, after it, and before the next one, by identifier, "
            "number or category, as M(meshwright.istio.mesh_verify) has them.",
        ],
        "type": "list",
        "elements": "str",
        "default": ["control plane", "components", "webhooks", "enrollment"],
    },
    "fail_on": {
        "description": ["How bad a finding fails the gate."],
        "type": "str",
        "choices": ["error", "warning", "never"],
        "default": "error",
    },
    "soak": {
        "description": ["For how many seconds to let it run, after which the gate must hold once more."],
        "type": "int",
        "default": 0,
    },
    "approval": {
        "description": [
            "Whether a person must agree, having seen the plan, before anything is written. Either "
            "C(data_plane_approved) names the wave, or somebody types its name at the prompt.",
        ],
        "type": "bool",
        "default": False,
    },
}

_RUN: dict[str, dict[str, Any]] = {
    "data_plane_wave": {
        "description": ["The name of the one wave to run. Those before it must be in place. By default all are run."],
        "type": "str",
        "default": "",
    },
    "data_plane_approved": {
        "description": ["The names of waves that somebody has agreed to."],
        "type": "list",
        "elements": "str",
        "default": [],
    },
    "data_plane_ask": {
        "description": [
            "Whether to ask at the terminal for an approval that O(data_plane_approved) does not give. By default "
            "not in a job of AWX or the Automation Platform, which has nobody to answer.",
        ],
        "type": "bool",
    },
    "data_plane_return_on_failure": {
        "description": [
            "Whether a wave that fails gives its namespaces back what they had, and removes the waypoints made for "
            "it. Otherwise it stays where it is, to be mended and run again, or returned. It fails either way.",
            "A wave that was in place already and fails its gate only is never taken back.",
        ],
        "type": "bool",
        "default": True,
    },
}

_COMMON: dict[str, dict[str, Any]] = {
    "data_plane_reports": {
        "description": [
            "A folder on the controller for reports, made when needed. Each wave leaves C(WAVE.json) and C(WAVE.md) "
            "in it, in a folder of the host's name. Without it no files are written.",
        ],
        "type": "path",
    },
    "data_plane_istio_namespace": {
        "description": ["The control plane's namespace."],
        "type": "str",
        "default": "istio-system",
    },
    "data_plane_wait_timeout": {
        "description": ["For how many seconds a gate looks again before it fails."],
        "type": "int",
        "default": 180,
    },
}

# What a run only looks ahead at is no change of that run.
_CHANGED = "{register} is changed and (ansible_check_mode or not (data_plane_preview | default(false)))"


def wave_files() -> Iterator[tuple[Path, str]]:
    """Each file of the role that follows the modules, with its text."""
    note = _NOTE.format(module="mesh_enrollment and waypoint")
    yield _FOLDER / "meta" / "argument_specs.yml", dump({"argument_specs": _entries()}, note)
    yield _FOLDER / "vars" / "main" / "waypoint.yml", dump({"data_plane_waypoint_spec": _waypoint_spec()}, note)
    yield _FOLDER / "tasks" / "enrollment.yml", dump([_enrollment_task()], note)
    yield _FOLDER / "tasks" / "waypoint.yml", dump([_waypoint_task()], note)


def _entries() -> dict[str, Any]:
    of_a_wave = {name: option for name, option in documented("mesh_enrollment").items() if name not in _OF_THE_ROLE}
    names = {*_OWN, *of_a_wave, *_AFTER}
    waves = {
        "description": ["The waves, in their order."],
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {**_OWN, **{name: spec(option, _WAVES, names) for name, option in of_a_wave.items()}, **_AFTER},
    }
    return {
        "main": _MAIN,
        "waves": {
            "short_description": "Moves namespaces into the mesh, wave by wave",
            "description": [
                "Runs M(meshwright.istio.waypoint) and M(meshwright.istio.mesh_enrollment) for each wave, each batch "
                "a task of its own, and M(meshwright.istio.mesh_verify) before and after. A wave begins only when "
                "those before it are in place and the mesh verifies.",
                "The plan is looked over as a whole before anything is written. In check mode each wave's plan is "
                "shown.",
                "What was done is in the variable C(data_plane_wave_report) afterwards, and in the statistics of the "
                "run, where AWX hands it on as an artifact.",
            ],
            "author": _AUTHOR,
            "version_added": "0.4.0",
            "options": {"data_plane_waves": waves, **_RUN, **_COMMON},
        },
        "return": {
            "short_description": "Takes a wave back",
            "description": [
                "Gives the namespaces of one wave back just what they had before it, by their journals, and removes "
                "the waypoints that were made for it.",
            ],
            "author": _AUTHOR,
            "version_added": "0.4.0",
            "options": {
                "data_plane_waves": waves,
                "data_plane_wave": {
                    "description": ["The name of the wave. May be left out when there is one only."],
                    "type": "str",
                    "default": "",
                },
                **_COMMON,
            },
        },
    }


def _waypoint_options() -> dict[str, dict[str, Any]]:
    return {name: option for name, option in documented("waypoint").items() if name not in _NOT_OF_A_WAVE}


def _waypoint_spec() -> dict[str, Any]:
    """The options of a wave's waypoint, as ansible.builtin.validate_argument_spec takes them."""

    def bare(option: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {key: option[key] for key in ("type", "elements", "choices") if key in option}
        if "suboptions" in option:
            found["options"] = {name: bare(inner) for name, inner in option["suboptions"].items()}
        return found

    return {name: bare(option) for name, option in _waypoint_options().items()}


def _enrollment_task() -> dict[str, Any]:
    """One call. Included with `data_plane_now`, the wave, and `data_plane_state`."""
    forth = "omit if data_plane_state == 'returned' else "
    arguments = {
        "state": "{{ data_plane_state }}",
        "namespaces": "{{ data_plane_names | default(data_plane_now.namespaces, true) | default(omit, true) }}",
        "selector": "{{ omit if data_plane_names else data_plane_now.selector | default(omit, true) }}",
        "mode": f"{{{{ {forth}data_plane_mode }}}}",
        "waypoint": f"{{{{ {forth}data_plane_waypoint_name | default(omit, true) }}}}",
        "batch": "{{ data_plane_now.batch | default(5) }}",
        "istio_namespace": "{{ data_plane_istio_namespace | default(omit) }}",
    }
    for name in documented("mesh_enrollment"):
        if name not in _OF_THE_ROLE:
            arguments[name] = f"{{{{ {forth if name in _THERE else ''}data_plane_now.{name} | default(omit) }}}}"
    accepted = "data_plane_now.accept_blockers | default([], true) + data_plane_coming | default([])"
    arguments["accept_blockers"] = f"{{{{ ({accepted}) | default(omit, true) }}}}"
    return {
        "name": "Wave {{ data_plane_now.name ~ ', ' ~ data_plane_doing }}",
        "meshwright.istio.mesh_enrollment": arguments,
        "register": "data_plane_enrollment",
        "check_mode": "{{ data_plane_preview | default(false) or ansible_check_mode }}",
        "changed_when": _CHANGED.format(register="data_plane_enrollment"),
        "failed_when": "data_plane_enrollment is failed and not (data_plane_tolerant | default(false) "
        "and data_plane_enrollment.blockers | default([]) | length == 0)",
    }


def _waypoint_task() -> dict[str, Any]:
    """One call for each place. Included with `data_plane_now` and `data_plane_state`, and what the wave asks for."""
    arguments = {
        "state": "{{ data_plane_state }}",
        "namespace": "{{ data_plane_place }}",
        "made_for": "{{ data_plane_now.name }}",
        "istio_namespace": "{{ data_plane_istio_namespace | default(omit) }}",
    }
    for name in _waypoint_options():
        if name != "namespace":
            arguments[name] = f"{{{{ data_plane_waypoint['{name}'] | default(omit) }}}}"
    return {
        "name": "Wave {{ data_plane_now.name ~ ', ' ~ data_plane_doing }}",
        "meshwright.istio.waypoint": arguments,
        "loop": "{{ data_plane_places }}",
        "loop_control": {"loop_var": "data_plane_place"},
        "register": "data_plane_waypoint_result",
        "check_mode": "{{ data_plane_preview | default(false) or ansible_check_mode }}",
        "changed_when": _CHANGED.format(register="data_plane_waypoint_result"),
    }
