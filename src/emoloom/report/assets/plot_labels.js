"use strict";
// F1 by label of one entry, against the best floor of each label.
(() => {
  const kit = globalThis.emoloomPlots;
  if (!kit || !kit.data.labels) return;
  const { Plot, TIP, at, chooser, count, data, num, rows, short } = kit;

  function labelRows(entry) {
    const { labels, ranks, floors } = data.labels;
    return labels.map((label, index) => {
      const [support, precision, recall, f1] = entry.scores[index] || [0, null, null, null];
      const [floor, best] = floors[index] || ["", null];
      return { label, key: String(index), support, precision, recall, f1, floor, best, ranks: ranks[index] };
    });
  }

  const TONES = ["", " equal", " below"];
  const BAR = {
    draw(context) {
      context.moveTo(0, -7);
      context.lineTo(0, 7);
    },
  };

  // How a label stands to the best floor, as part of a class name.
  function tone(row) {
    if (row.best === null || row.f1 > row.best) return "";
    return row.f1 < row.best ? " below" : " equal";
  }

  const goldRows = (entry) => labelRows(entry).reduce((sum, row) => sum + row.support, 0);

  function labelsSaid(entry) {
    const known = labelRows(entry).filter((row) => row.f1 !== null);
    const compared = known.filter((row) => row.best !== null);
    const most = Math.max(...data.labels.entries.map(goldRows));
    const fewer = goldRows(entry) < most ? " Scored on fewer rows than others: not comparable." : "";
    const zero = `F1 is zero on ${known.filter((row) => row.f1 === 0).length} of ${known.length} labels.${fewer}`;
    if (!compared.length) return zero;
    const [above, equal, below] = TONES.map((which) => compared.filter((row) => tone(row) === which).length);
    return `Against the best floor: above on ${above} labels, equal on ${equal}, below on ${below}. ${zero}`;
  }

  function labelSaid(row) {
    const scores = `F1 ${num(row.f1)}, precision ${num(row.precision)}, recall ${num(row.recall)}`;
    const floor = row.best === null ? [] : [`best floor ${num(row.best)} (${row.floor})`];
    return [row.label, scores, rows(row.support), ...floor].join("\n");
  }

  function labelF1(width, height, entry) {
    const found = labelRows(entry);
    const drawn = found.filter((row) => row.f1 !== null);
    const compared = drawn.filter((row) => row.best !== null);
    const names = new Map(found.map((row) => [row.key, row.label]));
    const [limit, left] = width < 480 ? [14, 108] : [20, 146];
    const dots = (some, className) => Plot.dot(some, {
      x: "f1", y: "key", r: 5.5, className, title: labelSaid, tip: { ...TIP, lineWidth: 24 },
    });
    const gaps = (some, className) => Plot.ruleY(some, { y: "key", x1: "best", x2: "f1", className });
    return Plot.plot({
      className: "plot", width, height, marginTop: 30, marginBottom: 34, marginLeft: left, marginRight: 58,
      ariaLabel: `F1 of ${entry.name} by label, against the best floor. ${labelsSaid(entry)}`,
      x: { domain: [0, 1], label: null },
      y: { domain: found.map((row) => row.key), label: null, type: "point", padding: 0.6 },
      marks: [
        Plot.gridX({ ticks: 5, className: "gridlines" }), Plot.axisX({ ticks: 5, label: null, tickSize: 0 }),
        Plot.axisY({ tickFormat: (key) => short(names.get(key), limit), tickSize: 0, className: "names" }),
        Plot.text(["gold rows"], { frameAnchor: "top-right", textAnchor: "end", dx: 52, dy: -14, className: "about" }),
        Plot.text(found, { y: "key", text: (row) => count(row.support), frameAnchor: "right", textAnchor: "end", dx: 52, className: "about" }),
        ...["", " below"].map((which) => gaps(compared.filter((row) => tone(row) === which), `gaps${which}`)),
        Plot.dot(compared, { x: "best", y: "key", symbol: BAR, className: "ticks" }),
        ...TONES.flatMap((which) => [
          dots(drawn.filter((row) => tone(row) === which && !row.ranks), `dots hollow${which}`),
          dots(drawn.filter((row) => tone(row) === which && row.ranks), `dots${which}`),
        ]),
      ],
    });
  }

  chooser("labels-who", data.labels.entries, [["plot-labels", labelF1]], (entry) => {
    at("labels-said").textContent = labelsSaid(entry);
  });
})();
