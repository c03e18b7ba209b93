# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's part of `mesh_policy`: files are read and templates rendered where the playbook is.

The module gets `src` as texts, all else as it was given. Its documentation is the module's.
"""

from __future__ import annotations

import datetime
import gc
import glob
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from jinja2 import TemplateSyntaxError

try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core 2.18 trusts all that is text.
    trust_as_template = None

_SUFFIXES = (".yml", ".yaml", ".json")
_TEMPLATE_SUFFIX = ".j2"
_MAGIC = "*?["
_VAULT = b"$ANSIBLE_VAULT;"
_LONGEST_REASON = 500
# Objects made: without this the collector looks after each 700.
_COLLECT_AFTER = 50_000
# In errors of Jinja: what it met instead of what it expected; quoted names, which are told, and values, which are not.
_GOT = re.compile(r", got '.*'$")
_CODE = re.compile(r"\{[{%].*?[%}]\}", re.DOTALL)
_QUOTED = re.compile(r"(?P<before>attribute |filter |lookup |plugin |type )?'(?P<text>[^']*)'(?P<after> is undefined)?")


class _Refused(Exception):
    """The task cannot be carried out as written. The cause is not Ansible's to print: it may quote a Secret."""


class Found(NamedTuple):
    """A file: as the task names it, and where it is."""

    shown: str
    path: str


class ActionModule(ActionBase):  # type: ignore[misc]
    """Reads `src`, renders `template`, and runs the module once, with one transfer."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        args = dict(self._task.args)
        if args.get("src") or args.get("template"):
            try:
                args["src"] = [*self._sources(args.get("src")), *self._templates(args.get("template"), variables)]
            except _Refused as error:
                return {**result, "failed": True, "msg": str(error)}
            args["template"] = []
        wrap_async = self._task.async_val and not self._connection.has_native_async
        with _collecting_seldom():
            result.update(self._execute_module(module_args=args, task_vars=task_vars, wrap_async=wrap_async))
        if not wrap_async:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    # -- files -------------------------------------------------------------------------------------

    def _sources(self, given: Any) -> Iterator[dict[str, str]]:
        seen = set()
        for at, named in enumerate(_as_list(given)):
            if not isinstance(named, str) or not named:
                raise _Refused(f"`src[{at}]` is no path of a file, folder or glob on the controller.")
            for found in self._find("src", "files", named, _SUFFIXES):
                # A file that two elements find is meant once.
                if os.path.realpath(found.path) not in seen:
                    seen.add(os.path.realpath(found.path))
                    yield {"path": found.shown, "text": self._read("src", found)}

    def _find(self, option: str, folder: str, named: str, suffixes: tuple[str, ...]) -> list[Found]:
        """The files that a path, folder or glob means, searched for as Ansible does in roles and beside playbooks."""
        try:
            path = self._find_needle(folder, named)
        except AnsibleError:
            found = self._globbed(folder, named, suffixes) if any(sign in named for sign in _MAGIC) else []
            if not found:
                searched = ", ".join(self._candidates(folder, named))
                kind = "matches nothing" if any(sign in named for sign in _MAGIC) else "does not exist"
                raise _Refused(f"`{option}`: {named} {kind} on the controller. Searched: {searched}.") from None
            return found
        if not os.path.isdir(path):
            return [Found(named, path)]
        found = list(_below(named, path, suffixes))
        if not found:
            wanted = ", ".join(f"*{suffix}" for suffix in suffixes)
            raise _Refused(f"`{option}`: the folder {path} holds no file {wanted}.")
        return found

    def _globbed(self, folder: str, named: str, suffixes: tuple[str, ...]) -> list[Found]:
        """What the glob matches in the first place where it matches anything; matched folders as a whole."""
        for pattern in self._candidates(folder, named):
            # What stands before the task's own words, so that files are shown as the task names them.
            place = pattern[: len(pattern) - len(named)] if pattern.endswith(named) else ""
            found: list[Found] = []
            for path in sorted(glob.glob(pattern, recursive=True)):
                shown = path.removeprefix(place)
                if os.path.isdir(path):
                    found += [] if "**" in named else _below(shown, path, suffixes)
                else:
                    found.append(Found(shown, path))
            if found:
                return found
        return []

    def _candidates(self, folder: str, named: str) -> list[str]:
        """Where Ansible looks for a path, in its order: see DataLoader.path_dwim_relative_stack."""
        if os.path.isabs(named) or named.startswith("~"):
            return [os.path.expanduser(named)]
        places: list[str] = []
        inside = named.split("/")[0] == folder
        for path in [*self._task.get_search_path(), self._loader.get_basedir()]:
            path = os.path.abspath(path)
            parent = os.path.dirname(path)
            if parent.endswith("/tasks"):
                places += [os.path.join(os.path.dirname(parent), folder, named), os.path.join(parent, named)]
            if not inside:
                places.append(os.path.join(path, folder, named))
            places.append(os.path.join(path, named))
        return list(dict.fromkeys(places))

    def _read(self, option: str, found: Found) -> str:
        """The file's text, decrypted where it is a vault."""
        try:
            with open(found.path, "rb") as file:
                data = file.read()
            if data.startswith(_VAULT):
                data = self._decrypted(found.path)
        except OSError as error:
            raise _Refused(f"`{option}`: {found.path} cannot be read: {error.strerror}.") from None
        except AnsibleError as error:
            raise _Refused(f"`{option}`: {found.path} cannot be decrypted: {_reason(error)}") from None
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise _Refused(f"`{option}`: {found.path} is no text in UTF-8.") from None

    def _decrypted(self, path: str) -> bytes:
        plain = self._loader.get_real_file(path)
        try:
            with open(plain, "rb") as file:
                return file.read()
        finally:
            self._loader.cleanup_tmp_file(plain)

    # -- templates ---------------------------------------------------------------------------------

    def _templates(self, given: Any, variables: Mapping[str, Any]) -> Iterator[dict[str, str]]:
        for at, element in enumerate(_as_list(given)):
            named: Any = element
            more: Any = {}
            if isinstance(element, Mapping):
                named, more = element.get("path"), element.get("vars", {})
                if not isinstance(more, Mapping) or element.keys() - {"path", "vars"}:
                    raise _Refused(f"`template[{at}]` has to be a path, or a mapping of `path` and `vars`.")
            if not isinstance(named, str) or not named:
                raise _Refused(f"`template[{at}]` names no path of a template on the controller.")
            for found in self._find("template", "templates", named, (*_SUFFIXES, _TEMPLATE_SUFFIX)):
                yield {"path": found.shown, "text": self._rendered(found, {**variables, **more})}

    def _rendered(self, found: Found, variables: dict[str, Any]) -> str:
        """The template's text, as the `template` action renders it."""
        text = self._read("template", found)
        own = variables.get("ansible_search_path") or []
        places = [*own, self._loader.get_basedir(), os.path.dirname(found.path)]
        search = [each for place in places for each in (os.path.join(place, "templates"), place)]
        known = {**_about(found), **variables}
        overrides = {"trim_blocks": True, "lstrip_blocks": False}
        try:
            if trust_as_template is None:
                value = self._rendered_2_18(text, search, known, overrides)
            else:
                templar = self._templar.copy_with_new_env(searchpath=search, available_variables=known)
                value = templar.template(trust_as_template(text), escape_backslashes=False, overrides=overrides)
        except Exception as error:
            raise _Refused(f"`template`: {found.path} cannot be rendered: {_why(error, text)}") from None
        if value is None:
            return ""
        return str(value) if isinstance(value, str) else json.dumps(value, default=str)

    def _rendered_2_18(self, text: str, search: list[str], known: dict[str, Any], overrides: dict[str, Any]) -> Any:
        from ansible.template import AnsibleEnvironment

        templar = self._templar.copy_with_new_env(
            environment_class=AnsibleEnvironment,
            searchpath=search,
            newline_sequence="\n",
            available_variables=known,
        )
        return templar.do_template(text, preserve_trailing_newlines=True, escape_backslashes=False, overrides=overrides)


def _as_list(given: Any) -> list[Any]:
    if given is None or given == "":
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Garbage is collected seldom within, and what was there before is left out.

    To pack a module, Ansible parses all files that it is made of. The collector would walk all of Ansible again and
    again meanwhile, which takes as long as all else.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _below(shown: str, folder: str, suffixes: tuple[str, ...]) -> Iterator[Found]:
    """The files below a folder that have one of the suffixes, sorted by path; hidden ones are others' settings."""
    names = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        names += [
            os.path.relpath(os.path.join(place, name), folder)
            for name in files
            if name.endswith(suffixes) and not name.startswith(".")
        ]
    for name in sorted(names):
        yield Found(os.path.join(shown, name), os.path.join(folder, name))


def _about(found: Found) -> dict[str, Any]:
    """What the `template` action tells templates about themselves."""
    changed = os.stat(found.path).st_mtime
    return {
        "ansible_managed": "Ansible managed",
        "template_host": os.uname().nodename,
        "template_path": found.shown,
        "template_fullpath": found.path,
        "template_mtime": datetime.datetime.fromtimestamp(changed),
        "template_run_date": datetime.datetime.now(),
    }


def _reason(error: BaseException) -> str:
    """The error in a line or two, without the lines of the file that Ansible would show with it."""
    said = str(getattr(error, "message", None) or error)
    return said.partition("\n\n")[0].strip()[:_LONGEST_REASON]


def _why(error: Exception, template: str) -> str:
    """Why a template could not be rendered, less what it quotes of the template's text and of variables' values."""
    chain = list(_causes(error))
    for one in chain:
        if isinstance(one, TemplateSyntaxError):
            return f"line {one.lineno}: {_GOT.sub('', str(one.message)).rstrip('.')}."
    # ansible-core 2.18 quotes the whole template, and has what went wrong as the cause.
    said = _reason(chain[-1] if trust_as_template is None else error).replace(template.strip(), "(...)")
    code = " ".join(_CODE.findall(template))

    def told(match: re.Match[str]) -> str:
        named = match["before"] or match["after"] or match["text"].endswith(" object")
        return match[0] if named or match["text"] in code else f"{match['before'] or ''}'(...)'"

    return _QUOTED.sub(told, said)


def _causes(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    for _depth in range(20):
        if one is None:
            return
        yield one
        one = getattr(one, "orig_exc", None) or one.__cause__ or one.__context__
