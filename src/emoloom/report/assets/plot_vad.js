"use strict";
// Answered against rated VAD, row by row; and calibration: what people say where the model says x.
(() => {
  const kit = globalThis.emoloomPlots;
  if (!kit || !kit.data.vad) return;
  const { Plot, TIP, at, chooser, count, data, num, rows, span } = kit;
  const AXES = [["v", "valence"], ["a", "arousal"], ["d", "dominance"]];
  const RATED = [0, 1, 2].filter((axis) => data.vad.rated[axis] > 0); // the others have no plot
  const MARGINS = { marginTop: 26, marginRight: 12, marginBottom: 42, marginLeft: 36 };

  const rSaid = (entry, axis) => `r ${num(entry.r[axis].value, 2)}${span(entry.r[axis], 2)}, n ${count(entry.rated[axis])}`;

  // One square plot; both axes have the range of all answers and ratings.
  function square(width, height, { aria, x, y, marks }) {
    const { domain } = data.vad;
    const ticks = Math.min(6, Math.round((domain[1] - domain[0]) * 10));
    const scale = { domain, ticks, label: null, tickFormat: (value) => value.toFixed(1) };
    const axis = { ticks, tickFormat: scale.tickFormat, tickSize: 0 };
    const ends = domain.map((value) => ({ x: value, y: value }));
    return Plot.plot({
      className: "plot", width, height, ...MARGINS, ariaLabel: aria, x: scale, y: scale, r: { type: "identity" }, grid: true,
      marks: [
        Plot.axisX({ label: `${x} →`, labelOffset: 36, ...axis }),
        Plot.axisY({ label: `↑ ${y}`, ...axis }),
        Plot.line(ends, { x: "x", y: "y", className: "identity" }),
        ...marks,
      ],
    });
  }

  function scatter(width, height, entry, axis) {
    const all = data.vad.gold.map((vad, index) => ({ x: vad[axis], said: entry.said[index], text: data.vad.texts[index] }));
    const points = all.filter(({ x, said }) => x !== null && said !== null).map(({ x, said, text }) => ({ x, y: said[axis], text }));
    return square(width, height, {
      aria: `${AXES[axis][1]} answered by ${entry.name} against people's ratings: ${rows(points.length)} drawn, ${rSaid(entry, axis)}.`,
      x: "rated by people", y: "answered",
      marks: [Plot.dot(points, {
        x: "x", y: "y", r: 3.5, className: "dots many", tip: TIP,
        title: (p) => `rated ${num(p.x, 2)}, answered ${num(p.y, 2)}\n${p.text}`,
      })],
    });
  }

  // Mean rating of the rows whose answers lie in one step of a tenth; bars are one standard error.
  function calibrated(width, height, entry, axis) {
    const steps = entry.steps[axis].map(([said, rated, error, n]) => ({ said, rated, error, n }));
    const most = Math.max(1, ...steps.map((step) => step.n));
    const each = steps.map((step) => `answered ${num(step.said, 2)}, rated ${num(step.rated, 2)}, ${rows(step.n)}`);
    return square(width, height, {
      aria: `Calibration of ${entry.name}'s ${AXES[axis][1]}: ${each.join("; ")}.`,
      x: "answered", y: "mean rating",
      marks: [
        Plot.ruleX(steps.filter((step) => step.error !== null), {
          x: "said", y1: (step) => step.rated - step.error, y2: (step) => step.rated + step.error, className: "errors", clip: true,
        }),
        Plot.line(steps, { x: "said", y: "rated", className: "front thin" }),
        Plot.dot(steps, {
          x: "said", y: "rated", r: (step) => 3 + 6 * Math.sqrt(step.n / most), className: "dots", tip: TIP,
          title: (step) => `answered ${num(step.said, 2)} on average\nrated ${num(step.rated, 2)}, ${rows(step.n)}`,
        }),
      ],
    });
  }

  const family = (prefix, make) => RATED.map((axis) => [`${prefix}-${AXES[axis][0]}`, (width, height, entry) => make(width, height, entry, axis)]);
  chooser("vad-who", data.vad.entries, [...family("plot-vad", scatter), ...family("plot-calibration", calibrated)], (entry) => {
    at("vad-said").textContent = `${rows(data.vad.rows)} rated by people, ${count(entry.n)} of them with a parsed answer.`;
    for (const axis of RATED) at(`vad-${AXES[axis][0]}-said`).textContent = rSaid(entry, axis);
  });
})();
