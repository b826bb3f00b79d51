"use strict";
// Draws the plots with Observable Plot. Names are text to it; colours are the stylesheet's.
(() => {
  const at = (id) => document.getElementById(id);
  const store = at("plots-data");
  if (!store || !globalThis.Plot) return;
  const Plot = globalThis.Plot;
  const data = JSON.parse(store.textContent);
  const PRINT_WIDTH = 680;
  const TIP = { lineWidth: 17, lineHeight: 1.35 };
  const HALO = { stroke: "var(--sheet)", strokeWidth: 4, strokeLinejoin: "round" };

  const num = (value, places = 3) => (value === null ? "–" : value.toFixed(places).replace("-", "−"));
  const span = (one, places = 3) => (one.low === null ? "" : ` [${num(one.low, places)}, ${num(one.high, places)}]`);
  const count = (value) => value.toLocaleString("en");
  const rows = (value) => `${count(value)} ${value === 1 ? "row" : "rows"}`;
  const short = (text, limit) => {
    const signs = [...text];
    if (signs.length <= limit) return text;
    const tail = Math.floor((limit - 1) / 2);
    return `${signs.slice(0, limit - 1 - tail).join("")}…${signs.slice(signs.length - tail).join("")}`;
  };
  const seconds = (value) => `${Number(value.toPrecision(3))} s`;

  // Moves labels, given as pixels from the top, apart by `gap` where they would overlap.
  function spread(labels, gap, lowest) {
    const sorted = [...labels].sort((a, b) => a.at - b.at);
    sorted.forEach((label, index) => {
      if (index > 0) label.at = Math.max(label.at, sorted[index - 1].at + gap);
    });
    for (let index = sorted.length - 1; index >= 0; index -= 1) {
      const limit = index === sorted.length - 1 ? lowest : sorted[index + 1].at - gap;
      sorted[index].at = Math.min(sorted[index].at, limit);
    }
    return labels;
  }

  // A plot in its place, drawn again when the place changes its width, and narrower for paper.
  function place(id, make) {
    const host = at(id);
    if (!host) return () => {};
    let width = 0;
    const draw = (to) => {
      width = to;
      const svg = make(width, Number(host.dataset.height) || width);
      // Plot's own style element is against the page's policy; style.css says the same.
      for (const style of svg.querySelectorAll("style")) style.remove();
      svg.setAttribute("role", "img");
      host.replaceChildren(svg);
    };
    const fit = () => draw(Math.floor(host.clientWidth));
    const share = host.clientWidth / document.documentElement.clientWidth;
    window.addEventListener("beforeprint", () => draw(Math.min(width, Math.floor(PRINT_WIDTH * Math.min(share * 1.1, 1)))));
    window.addEventListener("afterprint", fit);
    const refit = () => {
      if (Math.floor(host.clientWidth) !== width) fit();
    };
    new ResizeObserver(() => requestAnimationFrame(refit)).observe(host);
    fit();
    return fit;
  }

  // Score against time -----------------------------------------------------------------------

  const QUALITY = { top: 28, right: 22, bottom: 48, left: 46 };

  function qualitySaid({ points, floors }) {
    const front = (p) => (p.front ? ", on the Pareto front" : "");
    const each = points.map((p) => `${p.name}: ${num(p.value)} in ${seconds(p.seconds)} a row${front(p)}`);
    const lines = floors.map((f) => `floor ${f.name}: ${num(f.value)}`);
    return `Score that ranks against decoding time of a row. ${[...each, ...lines].join("; ")}.`;
  }

  function pointSaid(p) {
    const many = p.n === null ? "" : `, ${rows(p.n)}`;
    const lines = [p.name, `${num(p.value)}${span(p)}`, `${seconds(p.seconds)} a row${many}`];
    return [...lines, ...(p.front ? ["on the Pareto front"] : [])].join("\n");
  }

  function frontLine(points, right) {
    const front = points.filter((p) => p.front).sort((a, b) => a.seconds - b.seconds);
    if (!front.length) return [];
    return [...front, { seconds: right, value: front.at(-1).value }];
  }

  // Ends and ticks of the time axis, of the row 1, 2, 5, 10, ..., with at most `most` ticks.
  function timeAxis(times, most) {
    const steps = (from) => [1, 2, 5].map((step) => Number(`${step}e${from}`));
    const powers = [Math.floor(Math.log10(Math.min(...times) / 1.05)), Math.ceil(Math.log10(Math.max(...times) * 1.05))];
    const all = Array.from({ length: powers[1] - powers[0] + 1 }, (_, index) => steps(powers[0] + index)).flat();
    const low = all.findLast((value) => value <= Math.min(...times) / 1.05) ?? all[0];
    const high = all.find((value) => value >= Math.max(...times) * 1.05) ?? all.at(-1);
    const within = all.filter((value) => value >= low && value <= high);
    const every = Math.ceil(within.length / most);
    return { xs: [low, high], ticks: within.filter((_, index) => index % every === 0) };
  }

  function quality(width, height) {
    const { points, floors, domain } = data.quality;
    const { top, right, bottom, left } = QUALITY;
    const band = Math.min(150, Math.floor(width * 0.3));
    const times = points.map((p) => p.seconds);
    const { xs, ticks } = timeAxis(times, Math.max(2, Math.floor((width - left - band) / 60)));
    const xAt = (value) => left + band + ((width - right - left - band) * Math.log(value / xs[0])) / Math.log(xs[1] / xs[0]);
    const yAt = (value) => height - bottom - ((height - bottom - top) * (value - domain[0])) / (domain[1] - domain[0]);
    const valueAt = (y) => domain[0] + ((height - bottom - y) / (height - bottom - top)) * (domain[1] - domain[0]);
    const named = spread(points.map((p) => ({ p, at: yAt(p.value) - 13 })), 15, height - bottom - 6);
    const side = (p) => (xAt(p.seconds) > (left + band + width - right) / 2 ? "end" : "start");
    const room = (p) => (side(p) === "end" ? xAt(p.seconds) - left : width - right - xAt(p.seconds)) / 7.5 - 8;
    const ofFloors = spread(floors.map((f) => ({ f, at: yAt(f.value) - 8 })), 14, height - bottom - 6);
    const text = (anchor) => Plot.text(named.filter(({ p }) => side(p) === anchor), {
      x: ({ p }) => p.seconds, y: (label) => valueAt(label.at),
      text: ({ p }) => `${short(p.name, Math.max(8, Math.floor(room(p))))} ${num(p.value)}`,
      textAnchor: anchor, dx: anchor === "end" ? -11 : 11, fill: "currentColor", fontWeight: 600, className: "names", ...HALO,
    });
    const dots = (kind, className) => Plot.dot(points.filter((p) => p.kind === kind), {
      x: "seconds", y: "value", r: 6, className, title: pointSaid, tip: { ...TIP, lineWidth: 24 },
    });
    return Plot.plot({
      className: "plot", width, height, marginTop: top, marginRight: right, marginBottom: bottom, marginLeft: left,
      ariaLabel: qualitySaid(data.quality),
      x: { type: "log", domain: xs, range: [left + band, width - right], label: null },
      y: { domain, label: null },
      marks: [
        Plot.axisX({
          ticks, tickFormat: (value) => `${value} s`, label: "decoding time of a row (log) →", labelAnchor: "right", labelOffset: 40,
        }),
        Plot.axisY({ label: "↑ score that ranks", ticks: 6, tickSize: 0 }), Plot.gridY({ ticks: 6, className: "gridlines" }),
        Plot.text(floors.length ? ["≈ 0 s"] : [], { frameAnchor: "bottom-left", dy: 17, dx: 2, className: "about" }),
        Plot.ruleY(floors, { y: "value", className: "floors" }),
        Plot.line(frontLine(points, xs[1]), { x: "seconds", y: "value", curve: "step-after", className: "front" }),
        Plot.ruleX(points.filter((p) => p.low !== null), { x: "seconds", y1: "low", y2: "high", className: "spans" }),
        Plot.text(ofFloors, {
          y: (label) => valueAt(label.at), frameAnchor: "left", textAnchor: "start", dx: 2,
          text: ({ f }) => `${short(f.name, Math.floor(band / 7) - 5)} ${num(f.value)}`, fill: "currentColor", className: "floornames", ...HALO,
        }),
        text("start"), text("end"),
        dots("shown", "dots hollow"), dots("candidate", "dots"),
      ],
    });
  }

  // F1 by label ------------------------------------------------------------------------------

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

  // VAD --------------------------------------------------------------------------------------

  const AXES = [["v", "valence"], ["a", "arousal"], ["d", "dominance"]];

  const rSaid = (entry, axis) => `r ${num(entry.r[axis].value, 2)}${span(entry.r[axis], 2)}, n ${count(entry.n)}`;

  function scatter(width, height, entry, axis) {
    const { gold, texts, domain } = data.vad;
    const all = gold.map((vad, index) => ({ x: vad[axis], said: entry.said[index], text: texts[index] }));
    const points = all.filter(({ said }) => said !== null).map(({ x, said, text }) => ({ x, y: said[axis], text }));
    const ends = domain.map((value) => ({ x: value, y: value }));
    const ticks = Math.min(6, Math.round((domain[1] - domain[0]) * 10));
    const scale = { domain, ticks, label: null, tickFormat: (value) => value.toFixed(1) };
    return Plot.plot({
      className: "plot", width, height, marginTop: 26, marginRight: 12, marginBottom: 42, marginLeft: 36,
      ariaLabel: `${AXES[axis][1]} answered by ${entry.name} against people's ratings: ${rows(points.length)} drawn, ${rSaid(entry, axis)}.`,
      x: scale, y: scale, grid: true,
      marks: [
        Plot.axisX({ label: "rated by people →", labelOffset: 36, ticks, tickFormat: scale.tickFormat, tickSize: 0 }),
        Plot.axisY({ label: "↑ answered", ticks, tickFormat: scale.tickFormat, tickSize: 0 }),
        Plot.line(ends, { x: "x", y: "y", className: "identity" }),
        Plot.dot(points, {
          x: "x", y: "y", r: 3.5, className: "dots many", tip: TIP,
          title: (p) => `rated ${num(p.x, 2)}, answered ${num(p.y, 2)}\n${p.text}`,
        }),
      ],
    });
  }

  // Choosing ---------------------------------------------------------------------------------

  const choosers = [];

  function chooser(id, entries, plots, tell) {
    const select = at(id);
    let chosen = entries[Number(select.value)] || entries[0];
    const fits = plots.map(([host, make]) => place(host, (width, height) => make(width, height, chosen)));
    const show = (name) => {
      const index = entries.findIndex((entry) => entry.name === name);
      if (index < 0) return;
      select.value = String(index);
      chosen = entries[index];
      tell(chosen);
      for (const fit of fits) fit();
    };
    tell(chosen);
    choosers.push(show);
    select.addEventListener("change", () => {
      const { name } = entries[Number(select.value)];
      for (const each of choosers) each(name);
    });
    return fits;
  }

  // For learning.js.
  globalThis.emoloomPlots = { Plot, TIP, at, chooser, count, data, short };

  if (data.quality) place("plot-quality", quality);
  if (data.labels) {
    chooser("labels-who", data.labels.entries, [["plot-labels", labelF1]], (entry) => {
      at("labels-said").textContent = labelsSaid(entry);
    });
  }
  if (data.vad) {
    const plots = AXES.map(([key], axis) => [`plot-vad-${key}`, (width, height, entry) => scatter(width, height, entry, axis)]);
    chooser("vad-who", data.vad.entries, plots, (entry) => {
      at("vad-said").textContent = `${rows(data.vad.rows)} rated by people, ${count(entry.n)} of them with a parsed answer.`;
      AXES.forEach(([key], axis) => {
        at(`vad-${key}-said`).textContent = rSaid(entry, axis);
      });
    });
  }
})();
