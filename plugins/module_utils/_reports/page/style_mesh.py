# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""How the picture of the mesh looks."""

from __future__ import annotations

MESH = """
.bands{display:flex;flex-wrap:wrap;gap:1.1rem 2.2rem;margin-bottom:1.2rem}
.band{min-width:0;max-width:100%}
.band h3{margin-bottom:.5rem}
.cards{display:flex;flex-wrap:wrap;gap:.6rem}
.cards>li{width:16.5rem;max-width:100%}
.cards.small{gap:.4rem}
.cards.small>li{width:13.4rem}
.band details .cards{margin-top:.5rem}
.band summary,.fold summary{color:var(--soft);font-size:.88rem;padding:.4rem 0}
.cards>li{display:grid}
.node{display:grid;gap:.15rem;align-content:start;text-align:left;background:var(--card);
border:1px solid var(--line);border-radius:11px;padding:.75rem .9rem;min-width:0;overflow-wrap:anywhere}
button.node:hover,button.node[aria-pressed=true],.node.lit{border-color:var(--accent)}
button.node[aria-pressed=true],.node.lit{box-shadow:inset 0 0 0 1px var(--accent)}
.node .top{margin-bottom:.15rem}
.pill{display:flex;gap:.55rem;align-items:flex-start;padding:.45rem .7rem}
.pill b{display:block;font-weight:560;font-size:.88rem}
.pill>span:last-child{min-width:0}
.pill b,.pill small{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.pill .sign{margin-top:.15rem}
.canvas{display:grid;grid-template-columns:minmax(0,1fr) 18.5rem;gap:1rem 1.4rem;align-items:start;
background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1.2rem 1.4rem;box-shadow:var(--shade)}
.tools{grid-column:1/-1;display:flex;flex-wrap:wrap;justify-content:space-between;gap:.6rem 1.4rem;align-items:center}
.legend{display:flex;flex-wrap:wrap;gap:.3rem .9rem;font-size:.82rem;color:var(--soft)}
.legend span{display:inline-flex;gap:.4rem;align-items:center}
#tiles{display:grid;gap:1.3rem}
.zone h3{margin-bottom:.5rem;display:flex;gap:.6rem;align-items:baseline;flex-wrap:wrap}
.zone .grid{display:grid;gap:.45rem;grid-template-columns:repeat(auto-fill,minmax(10rem,1fr))}
.zone.dense .grid{gap:5px;grid-template-columns:repeat(auto-fill,minmax(27px,1fr))}
.tile{display:grid;grid-template-columns:auto minmax(0,1fr);gap:0 .5rem;align-items:center;text-align:left;
border:1px solid transparent;border-radius:9px;padding:.5rem .65rem;background:var(--quiet-wash);color:var(--quiet);
min-width:0}
.tile i{font-style:normal;font-weight:750;font-size:.8rem;width:1em;text-align:center}
.tile b{font-weight:560;font-size:.86rem;color:var(--ink);overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.tile small{grid-column:2;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;font-size:.74rem}
.dense .tile,.swatch{display:grid;grid-template-columns:1fr;place-items:center;padding:0;aspect-ratio:1;
border-radius:6px;font-size:.78rem}
.swatch{width:20px;font-weight:750;font-style:normal}
.dense .tile b,.dense .tile small{display:none}
.tone-bad{background:var(--bad);color:var(--on)}.tone-warn{background:var(--warn-wash);color:var(--warn);
border-color:var(--warn)}
.tone-good{background:var(--good-wash);color:var(--good)}.tone-quiet{background:var(--quiet-wash);color:var(--quiet)}
.tone-odd{background:var(--odd-wash);color:var(--odd)}.tone-note{background:var(--note-wash);color:var(--note)}
.swatch,.tile{border-style:solid;border-width:1px}
.tone-bad,.tone-good,.tone-quiet,.tone-odd,.tone-note{border-color:transparent}
.tile.tone-bad b,.tile.tone-bad small{color:var(--on)}
.tile:hover{border-color:var(--ink)}
.tile:focus-visible{outline-offset:1px}
.tile[aria-pressed=true]{box-shadow:0 0 0 2px var(--card),0 0 0 4px var(--accent)}
.aiming .tile:not(.lit){opacity:.22}
#detail{position:sticky;top:4.2rem;border-left:1px solid var(--line);padding-left:1.3rem;min-height:12rem;
font-size:.9rem}
#detail h4{font-size:1.05rem;text-transform:none;letter-spacing:0;color:var(--ink);margin-bottom:.5rem;
overflow-wrap:anywhere}
#detail dl{display:grid;gap:.28rem}
#detail dl>div{display:grid;grid-template-columns:6rem minmax(0,1fr);gap:.5rem}
#detail dt{color:var(--soft)}#detail dd{overflow-wrap:anywhere}
.fold{margin-top:.8rem}
.fold .scroll{max-height:34rem;overflow:auto}
.fold th[scope=row]{font-weight:560}
.fold thead th{position:sticky;top:0;background:var(--paper)}
@media (max-width:900px){
.canvas{grid-template-columns:1fr;padding:1rem}
.zone .grid{grid-template-columns:repeat(auto-fill,minmax(8.4rem,1fr))}
#detail{position:static;border-left:0;border-top:1px solid var(--line);padding:.8rem 0 0;min-height:9rem}
}
@media print{.canvas{display:block;break-inside:auto}.zone{break-inside:avoid-page;margin-top:.8rem}.fold .scroll{
max-height:none}.dense .tile{font-size:7pt}
.zone.dense .grid{grid-template-columns:repeat(auto-fill,minmax(18px,1fr));gap:3px}}
"""
