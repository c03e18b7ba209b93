# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""Filtering and grouping the findings; the state of it is in the address, so that it can be sent to somebody."""

from __future__ import annotations

FILTERS = """
const KEYS = ["q", "severity", "new", "category", "ns", "group"];
const list = one("list");
const entries = list ? all(".finding", list) : [];
const records = entries.map((node) => ({
  node,
  text: node.textContent.toLowerCase(),
  severity: node.dataset.severity,
  category: node.dataset.category,
  check: node.dataset.check,
  new: node.dataset.new || "",
  ns: (node.dataset.ns || "").split("\\n").filter(Boolean),
}));
const state = { q: "", severity: "", new: "", category: "", ns: "", group: "" };
const search = one("q");
// So many are shown at first: what comes after the list stays within reach.
const MOST = 40;
let most = MOST;
const listeners = [];

function matches(record) {
  const words = state.q.toLowerCase().split(/\\s+/).filter(Boolean);
  return words.every((word) => record.text.includes(word))
    && (!state.severity || state.severity.split(",").includes(record.severity))
    && (!state.new || record.new === "new")
    && (!state.category || record.category === state.category)
    && (!state.ns || record.ns.includes(state.ns));
}

function groupOf(record) {
  if (state.group === "namespace") {
    return state.ns || (record.ns.length > 1 ? "Several namespaces" : record.ns[0] || "The whole mesh");
  }
  return state.group === "category" ? record.category : record.check;
}

function groups(visible) {
  const found = new Map();
  for (const record of visible) {
    const name = groupOf(record);
    if (!found.has(name)) found.set(name, []);
    found.get(name).push(record);
  }
  return found;
}
const byGroup = (visible) => Array.from(groups(visible).values()).flat();

let grouped = "";
function arrange(visible) {
  const key = state.group && JSON.stringify([state, visible.length]);
  if (key === grouped) return;
  grouped = key;
  all("h3", list).forEach((each) => each.remove());
  const order = document.createDocumentFragment();
  if (state.group) {
    for (const [name, members] of groups(visible)) {
      const title = make("h3", "", name);
      title.append(make("span", "soft", String(members.length)));
      order.append(title);
      members.forEach((record) => order.append(record.node));
    }
    const rest = new Set(visible);
    records.forEach((record) => { if (!rest.has(record)) order.append(record.node); });
  } else {
    records.forEach((record) => order.append(record.node));
  }
  list.append(order);
}

function show() {
  if (list) {
    const visible = records.filter(matches);
    arrange(visible);
    const order = state.group ? byGroup(visible) : visible;
    const kept = new Set(order.slice(0, most));
    records.forEach((record) => { record.node.hidden = !kept.has(record); });
    all("h3", list).forEach((title) => { title.hidden = !title.nextSibling || title.nextSibling.hidden; });
    const more = one("more");
    more.hidden = visible.length <= most;
    more.textContent = "Show " + (visible.length - most) + " more";
    one("nothing").hidden = visible.length > 0;
    const total = records.length + (records.length === 1 ? " finding" : " findings");
    one("shown").textContent = visible.length === records.length ? total : visible.length + " of " + total;
    if (search.value !== state.q) search.value = state.q;
    all("[data-choice]").forEach((select) => {
      const value = state[select.dataset.choice];
      if (value && !Array.from(select.options).some((option) => option.value === value)) {
        const option = make("option", "", value);
        option.value = value;
        select.append(option);
      }
      select.value = value;
    });
    all("[data-toggle]").forEach((button) => {
      const on = state[button.dataset.toggle].split(",").includes(button.dataset.value);
      button.setAttribute("aria-pressed", String(on));
    });
    root.dataset.visible = String(visible.length);
  }
  listeners.forEach((listener) => listener());
}

function write() {
  const said = KEYS.filter((key) => state[key]).map((key) => key + "=" + encodeURIComponent(state[key])).join("&");
  try {
    history.replaceState(null, "", said ? "#" + said : location.pathname + location.search);
  } catch (error) { /* a page in a sandbox has no history */ }
}

function set(change) {
  most = MOST;
  Object.assign(state, change);
  write();
  show();
}

function read() {
  const hash = location.hash.slice(1);
  if (hash && !hash.includes("=")) { show(); return; }
  const given = new URLSearchParams(hash);
  KEYS.forEach((key) => { state[key] = given.get(key) || ""; });
  show();
}
addEventListener("hashchange", read);

let waiting = 0;
if (search) {
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => set({ q: search.value.trim() }), 60);
  });
}
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "/" && search && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
    search.select();
  }
  if (event.key === "Escape" && event.target === search) set({ q: "" });
});
document.addEventListener("change", (event) => {
  const choice = event.target.dataset.choice;
  if (choice) set({ [choice]: event.target.value });
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-toggle]");
  if (button) {
    const key = button.dataset.toggle;
    const on = new Set(state[key].split(",").filter(Boolean));
    if (!on.delete(button.dataset.value)) on.add(button.dataset.value);
    set({ [key]: Array.from(on).join(",") });
  }
  if (event.target.closest('[data-do="more"]')) {
    most = Infinity;
    show();
  }
  if (event.target.closest('[data-do="clear"]')) set({ q: "", severity: "", new: "", category: "", ns: "" });
});
"""
