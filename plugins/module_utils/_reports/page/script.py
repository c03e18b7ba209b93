# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""What the page does: one script, in parts. It writes text only as text, and asks nobody anything."""

from __future__ import annotations

from .script_filters import FILTERS
from .script_tiles import TILES

_START = """(function () {
"use strict";
const root = document.documentElement;
root.classList.add("ready");
const one = (id) => document.getElementById(id);
const all = (query, within) => Array.from((within || document).querySelectorAll(query));
function make(tag, cls, text) {
  const made = document.createElement(tag);
  if (cls) made.className = cls;
  if (text !== undefined) made.textContent = text;
  return made;
}
function kept(key, value) {
  try {
    if (value === undefined) return localStorage.getItem(key);
    localStorage.setItem(key, value);
  } catch (error) { /* a page in a sandbox keeps nothing */ }
  return null;
}
"""

_PAGE = """
const theme = one("theme");
function dark() {
  const set = root.dataset.theme;
  return set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
function named() { theme.textContent = dark() ? "Light" : "Dark"; }
const was = kept("meshwright-theme");
if (was === "dark" || was === "light") root.dataset.theme = was;
theme.addEventListener("click", () => {
  root.dataset.theme = dark() ? "light" : "dark";
  kept("meshwright-theme", root.dataset.theme);
  named();
});
named();

// A jump keeps the filters, which live in the address.
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#"]');
  if (!link) return;
  if (link.dataset.find) set({ q: link.dataset.find });
  const aim = one(link.getAttribute("href").slice(1));
  if (!aim) return;
  event.preventDefault();
  aim.scrollIntoView();
  aim.focus({ preventScroll: true });
});

document.addEventListener("click", (event) => {
  const button = event.target.closest('[data-do="copy"]');
  if (!button) return;
  const code = button.parentElement.querySelector("code");
  const said = (word) => {
    button.textContent = word;
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  };
  const select = () => {
    getSelection().selectAllChildren(code);
    said(document.execCommand("copy") ? "Copied" : "Selected");
  };
  if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(() => said("Copied"), select);
  else select();
});

let opened = [];
addEventListener("beforeprint", () => {
  most = Infinity;
  show();
  opened = all("details:not([open])");
  opened.forEach((each) => { each.open = true; });
});
addEventListener("afterprint", () => {
  most = MOST;
  show();
  opened.forEach((each) => { each.open = false; });
});
"""

_END = """
read();
requestAnimationFrame(() => { root.dataset.drawn = performance.now().toFixed(1); });
})();
"""

SCRIPT = f"{_START}{FILTERS}{TILES}{_PAGE}{_END}"
