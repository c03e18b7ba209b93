# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""How the verdict, the findings, the tables and the lines of time look."""

from __future__ import annotations

PARTS = """
.hero{display:grid;grid-template-columns:minmax(0,1fr) minmax(14rem,22rem);gap:1.6rem 3rem;background:var(--card);
border:1px solid var(--line);border-radius:16px;padding:2rem 2.2rem;box-shadow:var(--shade);position:relative;
overflow:hidden}
.hero::before{content:"";position:absolute;inset:0 auto 0 0;width:6px;background:var(--quiet)}
.hero.bad::before{background:var(--bad)}.hero.warn::before{background:var(--warn)}
.hero.odd::before{background:var(--odd)}.hero.good::before{background:var(--good)}
.verdict{display:flex;gap:1.1rem}
.verdict>.sign{font-size:1.35rem;margin-top:1.55rem}
.verdict>div{display:grid;gap:.45rem;align-content:start;min-width:0}
.over{color:var(--soft);font-size:.9rem}
.worst{max-width:62ch;overflow-wrap:anywhere}
.facts{display:grid;gap:.4rem;align-content:start;font-size:.88rem}
.facts>div{display:grid;grid-template-columns:7rem minmax(0,1fr);gap:.5rem}
.facts dt{color:var(--soft)}.facts dd{overflow-wrap:anywhere}
.tally{grid-column:1/-1;display:grid;gap:.8rem}
.strip{width:100%;height:10px;border-radius:5px;background:var(--faint)}
.strip .fill{stroke:var(--card);stroke-width:2}
.counts{display:flex;flex-wrap:wrap;gap:.4rem 1.6rem}
.counts li{display:flex;gap:.45rem;align-items:center}.counts .none{color:var(--soft)}
.columns .card h3{display:flex;gap:.5rem;align-items:center;margin-bottom:.5rem}
.change{padding:.35rem 0;border-top:1px solid var(--line)}
.filters{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin-bottom:.7rem}
.search{flex:1 1 15rem}
.search input{width:100%}
.filters input,.filters select{background:var(--card);border:1px solid var(--line);border-radius:9px;
padding:.42rem .7rem;height:2.4rem;max-width:100%}
.filters select{max-width:13rem;text-overflow:ellipsis}
.toggles{display:flex;flex-wrap:wrap;gap:.35rem;align-items:center}
.toggle{display:inline-flex;gap:.4rem;align-items:center;background:var(--card);border:1px solid var(--line);
border-radius:99px;padding:.25rem .8rem;min-height:2.1rem;font-size:.9rem}
.toggle:hover{border-color:var(--soft)}
.toggle[aria-pressed=true]{background:var(--ink);color:var(--paper);border-color:var(--ink)}
.plain{background:none;border:0;color:var(--accent);padding:.3rem;text-decoration:underline;
text-underline-offset:.15em}
.more{width:100%;margin-top:.5rem;background:var(--card);border:1px solid var(--line);border-radius:11px;
padding:.7rem;color:var(--accent)}
.shown{color:var(--soft);font-size:.88rem;margin-bottom:.6rem}
.empty{padding:2rem;text-align:center;color:var(--soft);border:1px dashed var(--line);border-radius:12px}
#list{display:grid;gap:.5rem}
#list>h3{margin:.9rem 0 .1rem;display:flex;gap:.5rem;align-items:baseline}
.finding{background:var(--card);border:1px solid var(--line);border-radius:11px;min-width:0}
.finding{content-visibility:auto;contain-intrinsic-size:auto 3.2rem}
.finding>summary:focus-visible{outline-offset:-3px}
.finding[open]{box-shadow:var(--shade)}
.finding>summary{display:grid;grid-template-columns:auto minmax(0,1fr) auto;gap:.75rem;align-items:start;
padding:.75rem 1rem;list-style:none;border-radius:11px}
.finding>summary::-webkit-details-marker{display:none}
.finding>summary:hover{background:var(--faint)}
.finding>summary .sign{margin-top:.15rem}
.finding .title{overflow-wrap:anywhere}
.finding[open] .title{font-weight:600}
.tags{display:flex;flex-wrap:wrap;gap:.3rem;justify-content:flex-end;align-items:center;max-width:21rem}
.tags code{color:var(--soft)}
.chip.fresh{background:var(--note-wash);color:var(--note);border-color:transparent}
.body{display:grid;grid-template-columns:minmax(0,2fr) minmax(0,3fr);gap:1rem 2rem;padding:.4rem 1rem 1.1rem 3rem}
.body>div{min-width:0}
.body h4{margin-bottom:.35rem}
.body>div:has(.remedy),.body>div:only-of-type,.foot{grid-column:1/-1}
.objects{display:flex;flex-wrap:wrap;gap:.3rem}
.objects li{background:var(--faint);border-radius:6px;padding:.05rem .5rem}
.facts-seen{display:grid;gap:.25rem}
.facts-seen li{padding-left:.9rem;border-left:2px solid var(--line);overflow-wrap:anywhere;font-size:.92rem}
.remedy{display:flex;gap:.6rem;align-items:flex-start;background:var(--faint);border:1px solid var(--line);
border-radius:8px;padding:.55rem .7rem}
.remedy code{flex:1;white-space:pre-wrap}
.copy{background:var(--card);border:1px solid var(--line);border-radius:7px;padding:.1rem .6rem;font-size:.82rem;
min-height:1.7rem}
.foot{font-size:.82rem;color:var(--soft)}
.checks .group th{padding-top:1.2rem;font-weight:650;border-top:0}
.checks td code{white-space:nowrap}
.checks td:nth-child(3){min-width:15rem}.checks td:last-child{min-width:14rem}
.status .sign{margin-right:.5rem}
tr:target{background:var(--note-wash)}
.lines li{padding:.4rem 0 .4rem 1.1rem;position:relative;overflow-wrap:anywhere}
.lines li::before{content:"?";position:absolute;left:0;color:var(--odd);font-weight:700}
.lines li+li{border-top:1px solid var(--line)}
.life{display:grid;grid-template-columns:minmax(0,21rem) minmax(0,1fr) 11rem;gap:0 1rem;align-items:center}
.lives .life+.life{border-top:1px solid var(--line)}
.life .line{position:relative;align-self:stretch;min-height:26px}
.life .line svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
.life .line rect{transform:translateY(-6px)}
.life.head svg{width:100%;height:22px;overflow:visible}
.life svg .grid{stroke:var(--line)}
.life svg .now{stroke:var(--ink);stroke-width:1.5}
.life .leaf.fill{opacity:.8}
.axis text{fill:var(--soft);font-size:11px}.axis .now{fill:var(--ink);font-weight:700;stroke:none!important}
.what,.left{padding:.45rem 0;min-width:0;font-size:.9rem;overflow-wrap:anywhere}
.what b{font-weight:500;font-size:.86rem}
.what .chip{margin-right:.45rem}
.chip.root{border-style:solid;border-color:var(--soft);color:var(--ink)}
.left .sign{margin-right:.45rem}
.waves{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,17rem),1fr));gap:.8rem;counter-reset:wave}
.waves .card{display:grid;gap:.45rem;align-content:start;overflow-wrap:anywhere}
.top{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;min-width:0}
.top b{overflow-wrap:anywhere;min-width:0}
.names{display:flex;flex-wrap:wrap;gap:.25rem;font-size:.85rem}
.meter{display:block;width:100%;height:7px}
.track{fill:var(--faint)}
.cost{min-width:8rem;font-variant-numeric:tabular-nums;font-size:.85rem}
.cost .meter{margin:.45rem 0 .15rem}
.steps{display:grid;gap:0;margin-top:.8rem}
.step{display:grid;grid-template-columns:auto minmax(0,1fr);gap:.8rem;padding:.7rem 1rem;position:relative;
border-left:2px solid var(--line);margin-left:.6rem;overflow-wrap:anywhere}
.step>.sign{margin-left:-1.6rem;box-shadow:0 0 0 4px var(--paper)}
.step.here{background:var(--bad-wash);border-radius:0 11px 11px 0}
.step .objects,.step .facts-seen,.step .remedy{margin-top:.45rem}
#accepted h3{margin:1rem 0 .3rem}
@media (max-width:760px){
.hero{grid-template-columns:1fr;padding:1.3rem 1.2rem 1.3rem 1.5rem;gap:1.2rem}.verdict>.sign{display:none}
.finding>summary{grid-template-columns:auto minmax(0,1fr)}.tags{grid-column:2;justify-content:flex-start}
.body{padding-left:1rem;grid-template-columns:1fr}
.filters select,.filters label{flex:1 1 8rem;max-width:none}.filters select{width:100%}
.life{grid-template-columns:1fr auto;padding:.4rem 0}.life>.line{grid-column:1/-1;grid-row:2}.life.head{display:none}
}
"""
