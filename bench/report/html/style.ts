/** The look of the report, in light and in dark, on a wall and on a phone. Colour never carries a meaning alone. */

export const STYLE = `
:root {
  --ground: #ffffff; --raised: #f6f7f9; --ink: #1c2430; --quiet: #566070; --line: #d8dde5; --grid: #e6e9ee;
  --good: #17703a; --bad: #a8231c; --warn: #fff3d6;
  --c0: #7fb2e5; --c1: #3d86cc; --c2: #1d4f91; --c3: #7a4fb0; --c4: #b0468c; --c5: #c8741a; --c6: #b9473f; --c7: #4f7d2f; --c8: #6b7280;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161c; --raised: #1a2028; --ink: #e4e8ee; --quiet: #9aa5b4; --line: #333c48; --grid: #262e38;
    --good: #6fcf8f; --bad: #ff9a8f; --warn: #3d3316;
    --c0: #a9d0f5; --c1: #5aa7ee; --c2: #3f7fd0; --c3: #b08ae6; --c4: #e07bbd; --c5: #f0a04b; --c6: #ee7d73; --c7: #93c46e; --c8: #9aa5b4;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; -webkit-text-size-adjust: 100%; }
main { max-width: 76rem; margin: 0 auto; padding: 1rem 1rem 4rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .25rem; }
h3 { font-size: 1rem; margin: 0; }
p { margin: .25rem 0 .75rem; color: var(--quiet); max-width: 60rem; }
.warning { background: var(--warn); color: var(--ink); padding: .6rem .9rem; border-radius: .4rem; }
.scrolls { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: left; vertical-align: top; border-top: 1px solid var(--grid); }
th { border-top: 0; background: var(--raised); font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; }
.goals td:first-child { white-space: nowrap; font-weight: 600; }
.notes { color: var(--quiet); font-size: .85rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr)); gap: 1rem; }
.figures h2 { grid-column: 1 / -1; margin-bottom: 0; }
figure { margin: 0; padding: .9rem; background: var(--raised); border-radius: .6rem; min-width: 0; }
figure p { font-size: .85rem; margin: .15rem 0 .5rem; }
figure:has(.bars) { grid-column: 1 / -1; }
svg { display: block; overflow: visible; width: 100%; height: auto; max-width: 32rem; margin: 0 auto; }
svg text { fill: var(--quiet); font: 12px system-ui, sans-serif; }
svg .axis { font-size: 12.5px; fill: var(--ink); }
.grid { stroke: var(--grid); }
.line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }
.line.dashed { stroke-dasharray: 5 4; }
.range { stroke: currentColor; stroke-width: 6; opacity: .3; }
circle { fill: currentColor; }
circle:hover { stroke: var(--ink); stroke-width: 3; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .1rem 1rem; padding: 0; margin: 0 0 .4rem; font-size: .85rem; }
.legend li::before { content: ''; display: inline-block; width: 1.4em; margin-right: .4em; vertical-align: middle; border-top: 3px solid currentColor; }
.legend li.dashed::before { border-top-style: dashed; }
.legend span { color: var(--ink); }
.legend li { white-space: nowrap; }
${Array.from({ length: 9 }, (_, colour) => `.c${colour} { color: var(--c${colour}); }`).join('\n')}
.bars { display: grid; grid-template-columns: minmax(8rem, max-content) minmax(6rem, 1fr) max-content; gap: .35rem .75rem; align-items: center; font-size: .85rem; }
.track { position: relative; height: 1.1rem; background: var(--grid); border-radius: .2rem; }
.bar, .spread, .mark { position: absolute; top: 0; bottom: 0; }
.bar { left: 0; background: currentColor; border-radius: .2rem; }
.spread { top: 45%; bottom: 45%; background: var(--ink); opacity: .7; }
.mark { width: 3px; margin-left: -1px; top: -.15rem; bottom: -.15rem; background: var(--ink); }
.label { font-variant-numeric: tabular-nums; }
.bars + .axis { font-size: .8rem; margin: .4rem 0 0; }
details { margin-top: .6rem; font-size: .85rem; }
summary { cursor: pointer; color: var(--quiet); }
details .scrolls { margin-top: .4rem; max-height: 22rem; overflow-y: auto; background: var(--ground); }
@media (max-width: 40rem) {
  .bars { grid-template-columns: 1fr; gap: .1rem; }
  .bars .label { margin-bottom: .6rem; color: var(--quiet); }
  h1 { font-size: 1.25rem; }
}
@media print { details .scrolls { max-height: none; } }
`
