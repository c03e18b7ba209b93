# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where objects come from: files, folders, globs, vaults and templates of the controller, as a user has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from ..support.playbook import Playbooks, Run

_PASSWORD = "vault password"


def _route(name: str, namespace: str = "demo") -> str:
    return (
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
        f"metadata:\n  name: {name}\n  namespace: {namespace}\nspec:\n  hosts: [reviews]\n"
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _task(**options: Any) -> dict[str, Any]:
    task: dict[str, Any] = {
        key: options.pop(key)
        for key in ("loop", "async", "poll", "check_mode", "delegate_to", "vars")
        if key in options
    }
    return {
        "meshwright.istio.mesh_policy": {"state": "rendered", **options},
        "ignore_errors": True,
        **task,
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A playbook's folder with files, templates and a role."""
    base = tmp_path / "project"
    _write(base / "files/policies/b.yaml", _route("b1") + "---\n" + _route("b2"))
    _write(base / "files/policies/a.yml", _route("a"))
    _write(base / "files/policies/deeper/c.json", json.dumps({"kind": "List", "apiVersion": "v1", "items": []}))
    _write(base / "files/policies/deeper/d.yaml", _route("d"))
    _write(base / "files/empty/README.md", "nothing")
    _write(base / "beside.yaml", _route("beside"))
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: vaulted, namespace: demo}\nstringData: {p: open sesame}\n"
    vault = VaultLib([("default", VaultSecret(_PASSWORD.encode()))])
    _write(base / "files/vaulted.yaml", vault.encrypt(secret).decode())
    _write(base / "password", _PASSWORD)
    _write(base / "templates/part.j2", "  hosts: [{{ host }}]\n")
    template = _route("{{ route }}").replace("  hosts: [reviews]\n", "{% include 'part.j2' %}")
    _write(base / "templates/route.yaml.j2", template)
    _write(base / "templates/objects.j2", "{{ objects }}")
    _write(base / "templates/broken.yaml.j2", "p: open sesame\nq: {{ nothing_of_that_name }}\n")
    _write(base / "roles/shop/files/shop.yaml", _route("shop"))
    _write(base / "roles/shop/templates/shop.yaml.j2", _route("{{ role_name }}-{{ flavour }}"))
    _write(base / "roles/shop/vars/main.yml", "flavour: sweet\n")
    in_role = _task(src="shop.yaml", template="shop.yaml.j2")
    _write(base / "roles/shop/tasks/main.yml", json.dumps([in_role]))
    return base


def _run(playbook: Playbooks, project: Path, tasks: list[dict[str, Any]], **more: Any) -> Run:
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks, "roles": ["shop"]}
    _write(project / "play.yml", json.dumps([play]))
    args = ["--vault-password-file", str(project / "password")]
    return playbook(project / "play.yml", args=args, **more).ok()


def test_objects_come_from_wherever_ansible_finds_files(offline_playbook: Playbooks, project: Path) -> None:
    listed = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}]
    # The home of these tests is not the account's, where Ansible would look for the job.
    here = {"ansible_async_dir": str(project / "async")}
    asynchronous = {"async": 60, "poll": 1, "check_mode": False, "vars": here}
    tasks = [
        _task(src="policies"),
        _task(src=["policies/*.y*ml", "policies/a.yml", "beside.yaml"], labels={"team": "shop"}),
        _task(src="policies/**/*.yaml"),
        _task(src="vaulted.yaml"),
        _task(
            template=["route.yaml.j2", {"path": "route.yaml.j2", "vars": {"route": "other", "host": "ratings"}}],
            vars={"route": "one", "host": "{{ 'REVIEWS' | lower }}"},
        ),
        _task(template="objects.j2", namespace="demo", vars={"objects": listed}),
        _task(src="{{ item }}", loop=["beside.yaml", "policies/a.yml"]),
        _task(src="beside.yaml", **asynchronous),
        _task(src="beside.yaml", delegate_to="elsewhere", vars={"ansible_connection": "local"}),
        _task(definitions=_route("alone")),
        _task(definitions={"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "namespace": "demo"}}),
        _task(src="nothing.yaml"),
        _task(src="nothing/*.yaml"),
        _task(src="empty"),
        _task(template="broken.yaml.j2"),
        _task(src=["beside.yaml"], template=[{"path": "route.yaml.j2", "extra": 1}]),
    ]
    run = _run(offline_playbook, project, tasks, check=True)
    role, *found = run.of("mesh_policy")
    loop = next(answer for answer in found if "results" in answer)
    at = found.index(loop)
    names = [[obj["metadata"]["name"] for obj in answer.get("manifests", ())] for answer in found]
    assert [obj["metadata"]["name"] for obj in role["manifests"]] == ["shop", "shop-sweet"]
    assert names[:at] == [
        ["a", "b1", "b2", "d"],
        ["a", "b1", "b2", "beside"],
        ["b1", "b2", "d"],
        ["vaulted"],
        ["one", "other"],
        ["one"],
    ]
    assert [obj["metadata"]["name"] for item in loop["results"] for obj in item["manifests"]] == ["beside", "a"]
    assert names[at + 1 : at + 5] == [["beside"], ["beside"], ["alone"], ["one"]]
    assert found[0]["origins"] == [
        "policies/a.yml",
        "policies/b.yaml, document 1",
        "policies/b.yaml, document 2",
        "policies/deeper/d.yaml",
    ]
    assert {obj["metadata"]["labels"]["team"] for obj in found[1]["manifests"]} == {"shop"}
    assert [obj["spec"]["hosts"] for obj in found[4]["manifests"]] == [["reviews"], ["ratings"]]
    files = project / "files"
    said = [answer["msg"] for answer in found[at + 5 :]]
    assert said[0].startswith("`src`: nothing.yaml does not exist on the controller. Searched: ")
    assert f"{files}/nothing.yaml, {project}/nothing.yaml" in said[0]
    assert said[1].startswith("`src`: nothing/*.yaml matches nothing on the controller. Searched: ")
    assert said[2] == f"`src`: the folder {files}/empty holds no file *.yml, *.yaml, *.json."
    assert "templates/broken.yaml.j2 cannot be rendered: 'nothing_of_that_name' is undefined" in said[3]
    assert said[4] == "`template[0]` has to be a path, or a mapping of `path` and `vars`."
    assert "sesame" not in run.text + json.dumps(run.results)


def test_what_is_wrong_in_files_is_told_at_once_by_file_document_and_line(
    offline_playbook: Playbooks, project: Path
) -> None:
    _write(project / "files/bad/1.yaml", _route("one") + "---\nkind: Secret\nmetadata: {name: a}\n")
    _write(project / "files/bad/2.yaml", _route("two") + "---\ndata: {p: sesame\nq: [\n")
    _write(project / "files/bad/3.yaml", "a: 1\na: 2\n")
    _write(project / "files/other/1.yaml", _route("same"))
    _write(project / "files/other/2.yaml", _route("same").replace("/v1", "/v1beta1"))
    _write(project / "files/other/3.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n")
    _write(project / "files/other/4.yaml", _route("homeless").replace("  namespace: demo\n", ""))
    bad, other = _run(offline_playbook, project, [_task(src="bad"), _task(src="other")]).of("mesh_policy")[1:]
    assert bad["error"] == other["error"] == "BadInput"
    assert bad["errors"] == [
        "bad/1.yaml, document 2 (line 9): `apiVersion` is missing.",
        "bad/2.yaml, document 2 (line 10) is no YAML: did not find expected ',' or '}'.",
        "bad/3.yaml (line 2) has the key `a` twice.",
    ]
    assert "VirtualService demo/same is given twice: other/1.yaml; other/2.yaml." in other["errors"]
    assert any(line.startswith("other/3.yaml: Deployment a: it is no policy.") for line in other["errors"])
    assert any("other/4.yaml: VirtualService homeless has no namespace" in line for line in other["errors"])
