"use strict";
// Which label is said in place of which: gold labels down, labels said across.
(() => {
  const kit = globalThis.emoloomPlots;
  if (!kit || !kit.data.confusion) return;
  const { Plot, TIP, at, chooser, count, data, rows, short } = kit;
  const { labels, entries } = data.confusion;
  const NOTHING = "-1";
  const name = (key) => (key === NOTHING ? "(nothing)" : labels[Number(key)]);
  const share = (cell) => (cell.of ? cell.rows / cell.of : 0);
  const percent = (value) => `${Math.round(100 * value)}%`;

  const cells = (entry) => entry.pairs.map(([gold, said, n]) => ({ gold: String(gold), said: String(said), rows: n, of: entry.gold[gold] }));
  const wrong = (entry) => cells(entry).filter((cell) => cell.gold !== cell.said);

  function cellSaid(cell) {
    const what = cell.gold === cell.said ? "found" : `${name(cell.said)} said in its place`;
    return `${name(cell.gold)}: ${what}\n${count(cell.rows)} of ${rows(cell.of)}, ${percent(share(cell))}`;
  }

  function entrySaid(entry) {
    const found = cells(entry).filter((cell) => cell.gold === cell.said).reduce((sum, cell) => sum + cell.rows, 0);
    const all = entry.gold.reduce((sum, n) => sum + n, 0);
    const [worst] = wrong(entry).sort((a, b) => b.rows - a.rows);
    const most = worst ? ` Most often ${name(worst.said)} for ${name(worst.gold)}: ${count(worst.rows)} of ${rows(worst.of)}.` : "";
    return `${count(found)} of ${count(all)} gold labels found.${most}`;
  }

  function matrix(width, height, entry) {
    const keys = labels.map((_, index) => String(index));
    const drawn = cells(entry);
    const [limit, left] = width < 560 ? [11, 84] : [16, 124];
    const room = (width - left - 40) / (labels.length + 1);
    const of = (some, className) => Plot.cell(some, {
      x: "said", y: "gold", inset: room < 12 ? 0.25 : 0.75, fillOpacity: (cell) => Math.min(1, 0.1 + 0.9 * share(cell)), className,
      title: cellSaid, tip: { ...TIP, lineWidth: 24 },
    });
    const numbers = drawn.filter((cell) => cell.rows > 0 && room >= 17);
    const numbered = (some, className) => Plot.text(some, { x: "said", y: "gold", text: (cell) => String(cell.rows), className });
    return Plot.plot({
      className: "plot", width, height, marginTop: 96, marginRight: 40, marginBottom: 14, marginLeft: left,
      ariaLabel: `Labels that ${entry.name} said in place of gold labels. ${entrySaid(entry)}`,
      x: { domain: [...keys, NOTHING], label: null, type: "band", padding: 0 },
      y: { domain: keys, label: null, type: "band", padding: 0 },
      opacity: { type: "identity" },
      marks: [
        Plot.axisX({ anchor: "top", tickFormat: (key) => short(name(key), 13), tickRotate: -60, tickSize: 0, className: "names" }),
        Plot.axisY({ tickFormat: (key) => short(name(key), limit), tickSize: 0, className: "names" }),
        Plot.text(["gold"], { frameAnchor: "top-right", textAnchor: "start", dx: 6, dy: -14, className: "about" }),
        Plot.text(keys, { y: (key) => key, text: (key) => count(entry.gold[Number(key)]), frameAnchor: "right", textAnchor: "start", dx: 6, className: "about" }),
        Plot.frame({ className: "gridlines" }),
        of(drawn.filter((cell) => cell.gold === cell.said), "cells"),
        of(drawn.filter((cell) => cell.gold !== cell.said), "cells wrong"),
        numbered(numbers.filter((cell) => share(cell) < 0.5), "cellnumbers"),
        numbered(numbers.filter((cell) => share(cell) >= 0.5), "cellnumbers over"),
      ],
    });
  }

  chooser("confusion-who", entries, [["plot-confusion", matrix]], (entry) => {
    at("confusion-said").textContent = entrySaid(entry);
  });
})();
