# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the parts of a role that follow a module option by option: its argument specs and its one task.

    python tools/roles.py           writes them
    python tools/roles.py --check   fails, and says which file, when they differ from what the module documents

A role's variable is its name and the option's: `mode` of istio_mesh is `control_plane_mode`. Options of the connection
are not among them: playbooks give them once, as module_defaults.

The role data_plane is otherwise, since a wave is a dict with options of two modules in it: see wave_role.py.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
_NOTE = "Written by tools/roles.py from the documentation of {module}: change it there."
_KEPT = ("type", "elements", "choices", "default", "required")


@dataclass(frozen=True, slots=True)
class Role:
    """A role whose variables are one module's options."""

    name: str
    module: str
    short_description: str
    description: list[str]
    task: str
    register: str
    stages: Stages | None = None


@dataclass(frozen=True, slots=True)
class Stages:
    """A second module of a role, which works stage by stage: its one task is a file that the role's own files include.

    `entries` are those files, with what they are described by; `options` are variables that only they know.
    """

    module: str
    entries: dict[str, tuple[str, list[str]]]
    options: dict[str, dict[str, Any]]


ROLES = [
    Role(
        "control_plane",
        "istio_mesh",
        "Installs, upgrades or removes an Istio mesh",
        [
            "Runs M(meshwright.istio.istio_mesh) once: CRDs, istiod and, where the mode asks for them, "
            "istio-cni and ztunnel.",
            "Each variable is the option of that name. Which cluster is meant is said by C(module_defaults) for "
            "C(group/meshwright.istio.istio), as the playbooks here do, or by C(K8S_AUTH_*) in the environment.",
            "What the module answered is in the variable C(control_plane_result) afterwards.",
        ],
        "Bring the mesh to what is asked for",
        "control_plane_result",
        Stages(
            "mesh_upgrade",
            {
                "upgrade": (
                    "Upgrades an Istio mesh revision by revision",
                    [
                        "Runs M(meshwright.istio.mesh_upgrade) stage by stage, each batch a task of its own.",
                        "When a stage fails, everything goes back to the old revision, and the play fails with why.",
                    ],
                ),
                "rollback": (
                    "Takes an upgrade back",
                    ["Runs the stage C(return) of M(meshwright.istio.mesh_upgrade)."],
                ),
            },
            {
                "upgrade_until": {
                    "description": [
                        "The last stage to run. What follows is done by running the same again with a later one, "
                        "as after an approval.",
                    ],
                    "type": "str",
                    "choices": ["preflight", "canary", "gate", "shift", "finish"],
                    "default": "finish",
                },
                "return_on_failure": {
                    "description": [
                        "Whether a stage that fails takes everything back to the old revision. Otherwise the upgrade "
                        "stays where it is, to be mended and run again, or rolled back.",
                    ],
                    "type": "bool",
                    "default": True,
                },
            },
        ),
    )
]


class _Dumper(yaml.SafeDumper):
    """Lists indented below their key, as yamllint wants them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Templates in double quotes, as Ansible's own documentation has them."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if text.startswith("{{") else None)


_Dumper.add_representer(str, _text)


def dump(data: Any, note: str) -> str:
    text = yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
    return f"---\n# {note}\n{text}"


def documented(module: str) -> dict[str, Any]:
    """The options of a module, with those of its fragments, but for the connection's."""
    documentation = text_of(ROOT / "plugins" / "modules" / f"{module}.py")
    options: dict[str, Any] = dict(documentation.get("options") or {})
    for fragment in documentation.get("extends_documentation_fragment", []):
        name = fragment.removeprefix("meshwright.istio.")
        if name != "kube_connection":
            options |= text_of(ROOT / "plugins" / "doc_fragments" / f"{name}.py").get("options") or {}
    return options


def text_of(path: Path) -> dict[str, Any]:
    """What a module or a fragment documents."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DOCUMENTATION":
            found: dict[str, Any] = yaml.safe_load(ast.literal_eval(node.value))
            return found
    raise SystemExit(f"roles: {path} has no DOCUMENTATION")


def spec(option: dict[str, Any], prefix: str, names: set[str]) -> dict[str, Any]:
    """One option, as a role's argument specs write it; `prefix` makes a variable of an option that `names` has."""
    given = option["description"]
    lines = [given] if isinstance(given, str) else given
    found: dict[str, Any] = {"description": [reworded(line, prefix, names) for line in lines]}
    found |= {key: option[key] for key in _KEPT if key in option}
    if "suboptions" in option:
        found["options"] = {name: spec(inner, prefix, names) for name, inner in option["suboptions"].items()}
    return found


def reworded(line: str, prefix: str, names: set[str]) -> str:
    """References to the module's options, as references to the role's variables."""

    def renamed(match: re.Match[str]) -> str:
        name = match.group(1)
        rest = match.group(2)
        return f"O({prefix}{name}{rest})" if name in names else f"C({name}{rest})"

    # A role returns nothing: what the module returns is in the variable that the task registers.
    line = re.sub(r"\bRV\(([^)]*)\)", r"C(\1)", line)
    return re.sub(r"\bO\((\w+)([^)#]*)\)", renamed, line)


def files(role: Role) -> Iterator[tuple[Path, str]]:
    """Each file of the role that follows the module, with its text."""
    options = documented(role.module)
    note = _NOTE.format(module=role.module)
    folder = ROOT / "roles" / role.name
    prefix = f"{role.name}_"
    specs = {f"{prefix}{name}": spec(option, prefix, set(options)) for name, option in options.items()}
    main = {
        "short_description": role.short_description,
        "description": role.description,
        "author": ["The meshwright.istio authors"],
        "version_added": "0.1.0",
        "options": specs,
    }
    entries = {"main": main, **(staged(role, role.stages) if role.stages else {})}
    yield folder / "meta" / "argument_specs.yml", dump({"argument_specs": entries}, note)
    if role.stages:
        yield folder / "tasks" / "stage.yml", stage_file(role, role.stages)
    arguments = {name: f"{{{{ {role.name}_{name} | default(omit) }}}}" for name in options}
    task = {"name": role.task, f"meshwright.istio.{role.module}": arguments, "register": role.register}
    yield folder / "tasks" / "main.yml", dump([task], note) + shown(role)


def staged(role: Role, stages: Stages) -> dict[str, Any]:
    """The argument specs of the entry points that go through the stages."""
    options = {name: option for name, option in documented(stages.module).items() if name != "stage"}
    names = {*options, *stages.options}
    prefix = f"{role.name}_"
    specs = {f"{prefix}{name}": spec(option, prefix, names) for name, option in {**stages.options, **options}.items()}
    return {
        entry: {
            "short_description": short,
            "description": description,
            "author": ["The meshwright.istio authors"],
            "version_added": "0.2.0",
            "options": specs,
        }
        for entry, (short, description) in stages.entries.items()
    }


def stage_file(role: Role, stages: Stages) -> str:
    """One stage: included with `<role>_stage`, and `<role>_batch` where it has a name for what it moves."""
    stage, register = f"{role.name}_stage", f"{role.name}_stage_result"
    arguments = {name: f"{{{{ {role.name}_{name} | default(omit) }}}}" for name in documented(stages.module)}
    arguments["stage"] = f"{{{{ {stage} }}}}"
    told = f"([{stage}] + {role.name}_batch_names | default([])) | join(' ')"
    task = {
        "name": f"Upgrade, stage {{{{ {told} }}}}",
        f"meshwright.istio.{stages.module}": arguments,
        "register": register,
    }
    return dump([task], _NOTE.format(module=stages.module)) + shown(role, register)


def shown(role: Role, register: str = "") -> str:
    """A task that prints the steps: an ok task does not print its module's answer."""
    register = register or role.register
    table, shown_as = f"{register}.table", f"{role.name}_shown_as"
    option = "lookup('ansible.builtin.config', 'result_format', plugin_type='callback', plugin_name='default')"
    return f"""
# One text where results are shown as YAML, which prints it as a block; else a list, which JSON prints line by line.
- name: Show each step, and who predicted it
  ansible.builtin.debug:
    msg: "{{{{ {table} | join('\\n') if {shown_as} == 'yaml' else {table} }}}}"
  vars:
    {shown_as}: "{{{{ {option} }}}}"
  when:
    - {register} is changed
    - {table} is defined
"""


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from tools.wave_role import wave_files

    checking = "--check" in sys.argv[1:]
    stale = []
    for path, text in (*(found for role in ROLES for found in files(role)), *wave_files()):
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(ROOT)))
        if not checking:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if checking and stale:
        raise SystemExit(f"roles: {', '.join(stale)} no longer follow the module: run python tools/roles.py")
    print("roles: " + (f"wrote {', '.join(stale)}" if stale else "up to date"))


if __name__ == "__main__":
    main()
