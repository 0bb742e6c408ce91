/**
 * The stylesheet of the status page. Every colour is a variable with a value for light and one for
 * dark; text has a contrast of at least 4.5 to 1 on what it stands on, in both. The tables keep
 * their columns on a phone: what is not needed at a glance (`roomy`) is left to wider screens.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #fff; --edge: #d8dde4; --text: #1c2128; --soft: #57606a; --link: #0550ae;
  --bad: #b3151f; --bad-page: #ffebe9; --warn: #7d4e00; --warn-page: #fff4d6;
  --good: #116329; --good-page: #e3f7e8; --busy: #0550ae; --busy-page: #e4f0ff;
  --idle: #4b535c; --idle-page: #e9ecf0; --track: #dfe4ea;
  --new: #1a7f5a; --changed: #3f76d0; --gone: #c2521b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1116; --card: #171b21; --edge: #323943; --text: #e8ebef; --soft: #a0a9b4; --link: #7ab7ff;
    --bad: #ff8a80; --bad-page: #3d1416; --warn: #f0c050; --warn-page: #372a0a;
    --good: #62d58a; --good-page: #10311b; --busy: #7ab7ff; --busy-page: #12294a;
    --idle: #b3bbc5; --idle-page: #272d35; --track: #2c333c;
    --new: #3fbf8d; --changed: #6aa1f5; --gone: #f0854a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
.wide { max-width: 72rem; margin: 0 auto; padding: 0 1rem; }
a { color: var(--link); }
a:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--card); padding: .25rem .5rem; }
header .wide, footer .wide { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; align-items: baseline;
  justify-content: space-between; padding-top: .75rem; padding-bottom: .75rem; }
header p, footer p { margin: 0; color: var(--soft); font-size: .875rem; }
footer nav { font-size: .875rem; }
.home { font-weight: 650; font-size: 1.125rem; color: var(--text); text-decoration: none; }
main { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; }
main > nav { font-size: .9375rem; }
h1, h2, h3, p, ul { margin: 0; }
h1 { font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 1.0625rem; margin-bottom: .5rem; }
h3 { font-size: 1.0625rem; }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .9em; overflow-wrap: anywhere; }
small { color: var(--soft); font-size: .8125rem; }
.empty { color: var(--soft); }
.card, .banner { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: 1rem 1.25rem; }
.card > p + p, .card > ul + p, .card > p + ul, .banner p { margin-top: .5rem; }
.banner { border-left-width: 8px; }
.banner.bad { background: var(--bad-page); border-color: var(--bad); }
.banner.warn { background: var(--warn-page); border-color: var(--warn); }
.banner.good { border-left-color: var(--good); }
.banner.busy { border-left-color: var(--busy); }
.banner.idle { border-left-color: var(--idle); }
.banner h1 { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; }
.state { display: inline-block; border-radius: 1rem; padding: .0625rem .625rem; font-size: .875rem;
  font-weight: 600; white-space: nowrap; }
h1 .state { font-size: 1rem; padding: .125rem .75rem; }
.state.bad { background: var(--bad); color: var(--card); }
.state.warn { background: var(--warn-page); color: var(--warn); box-shadow: inset 0 0 0 1px var(--warn); }
.state.good { background: var(--good-page); color: var(--good); }
.state.busy { background: var(--busy-page); color: var(--busy); }
.state.idle { background: var(--idle-page); color: var(--idle); }
.warn-text, .warn-text a { color: var(--warn); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 9rem), 1fr)); gap: .75rem 1.5rem; margin: 0; }
.facts dt { color: var(--soft); font-size: .8125rem; }
.facts dd { margin: 0; font-variant-numeric: tabular-nums; }
.tiles { grid-template-columns: repeat(auto-fit, minmax(9.25rem, 1fr)); gap: .75rem; }
.tiles > div { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: .625rem 1rem; }
.tiles dd { font-size: 1.125rem; font-weight: 600; line-height: 1.35; }
.tiles small { display: block; font-weight: 400; }
.progress { margin: .5rem 0 .75rem; }
.progress svg { display: block; width: 100%; height: .75rem; border-radius: .375rem; }
.progress p { margin-top: .25rem; font-variant-numeric: tabular-nums; }
.track { fill: var(--track); }
.fill { fill: var(--busy); }
table { width: 100%; border-collapse: collapse; font-size: .9375rem; }
th, td { text-align: left; padding: .4375rem .75rem .4375rem 0; vertical-align: top; font-weight: 400; border-top: 1px solid var(--edge); }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); font-size: .8125rem; border-top: 0; padding-top: 0; }
tbody th { overflow-wrap: break-word; }
.num + :not(.num) { padding-left: 1rem; }
.num { text-align: right; font-variant-numeric: tabular-nums; }
.zero { color: var(--soft); }
.note td { border-top: 0; padding-top: 0; color: var(--soft); font-size: .875rem; overflow-wrap: anywhere; }
.dot { display: inline-block; width: .625rem; height: .625rem; border-radius: 50%; margin-right: .375rem; background: currentColor; }
.dot.good, .status.good { color: var(--good); }
.dot.bad, .status.bad { color: var(--bad); }
.dot.warn, .status.warn { color: var(--warn); }
.dot.busy, .status.busy { color: var(--busy); }
.mode { white-space: nowrap; }
.status.bad, .status.warn { font-weight: 600; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem; }
figure { margin: 0; }
figcaption p { color: var(--soft); font-size: .875rem; display: flex; flex-wrap: wrap; gap: 0 1rem; justify-content: space-between; }
figure svg { display: block; width: 100%; max-width: 36rem; height: auto; margin-top: .5rem; }
svg text { fill: var(--soft); font-size: 12px; }
svg .grid { stroke: var(--edge); stroke-width: 1; }
svg .line { fill: none; stroke: var(--changed); stroke-width: 2.25; }
svg .area { fill: var(--changed); opacity: .12; }
svg .end { fill: var(--changed); }
svg .new { fill: var(--new); }
svg .changed { fill: var(--changed); }
svg .gone { fill: var(--gone); }
svg .hit { fill: transparent; }
svg .cut { stroke: var(--card); stroke-width: 3; }
svg .failed { fill: var(--bad); font-weight: 700; }
.legend { display: inline-flex; gap: .75rem; flex-wrap: wrap; }
.key { display: inline-flex; align-items: center; gap: .3rem; white-space: nowrap; }
.key i { width: .75rem; height: .75rem; border-radius: 2px; }
.key .new { background: var(--new); }
.key .changed { background: var(--changed); }
.key .gone { background: var(--gone); }
.key .bad { color: var(--bad); }
@media (max-width: 40rem) {
  .roomy { display: none; }
  .card, .banner { padding: .75rem .875rem; }
  table { font-size: .875rem; }
  thead th { font-size: .75rem; }
  th, td { padding-right: .375rem; }
  .state { font-size: .8125rem; padding: .0625rem .5rem; }
  td time { white-space: nowrap; }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); }
}
`;
