"use strict";
// Score against decoding time or peak memory: points with intervals, floors, and the Pareto front.
(() => {
  const kit = globalThis.emoloomPlots;
  if (!kit || !kit.data.quality) return;
  const { Plot, TIP, HALO, data, digits, num, place, rows, short, span, spread } = kit;
  const MARGIN = { top: 28, right: 22, bottom: 48, left: 40 };
  const AXES = {
    seconds: { label: "decoding time of a row", unit: (value) => `${digits(value)} s`, nothing: "≈ 0 s" },
    memory: { label: "peak memory", unit: (value) => (value < 1024 ? `${digits(value)} MiB` : `${digits(value / 1024)} GiB`), nothing: "little" },
  };
  let axis = data.quality.axes[0];

  const known = () => data.quality.points.filter((p) => p[axis] !== null);
  const onFront = (p) => p.fronts.includes(axis);
  const costSaid = (p) => {
    const cost = AXES[axis].unit(p[axis]);
    if (axis === "memory") return `${p.at_most ? "at most " : ""}${cost}`;
    return `${cost} a row`;
  };

  function said() {
    const each = known().map((p) => `${p.name}: ${num(p.value)}, ${costSaid(p)}${onFront(p) ? ", on the Pareto front" : ""}`);
    const lines = data.quality.floors.map((f) => `floor ${f.name}: ${num(f.value)}`);
    return `Score that ranks against ${AXES[axis].label}. ${[...each, ...lines].join("; ")}.`;
  }

  function pointSaid(p) {
    const many = p.n === null ? "" : `, ${rows(p.n)}`;
    const lines = [p.name, `${num(p.value)}${span(p)}`, `${costSaid(p)}${many}`];
    return [...lines, ...(onFront(p) ? ["on the Pareto front"] : [])].join("\n");
  }

  function frontLine(points, right) {
    const front = points.filter(onFront).sort((a, b) => a[axis] - b[axis]);
    if (!front.length) return [];
    return [...front, { [axis]: right, value: front.at(-1).value }];
  }

  // Ends and ticks of the cost axis, of the row 1, 2, 5, 10, ..., with at most `most` ticks.
  function costAxis(costs, most) {
    const unit = axis === "memory" ? 1.024 : 1;
    const steps = (from) => [1, 2, 5].map((step) => unit * Number(`${step}e${from}`));
    const [least, largest] = [Math.min(...costs) / 1.05, Math.max(...costs) * 1.05];
    const powers = [Math.floor(Math.log10(least / unit)), Math.ceil(Math.log10(largest / unit))];
    const all = Array.from({ length: powers[1] - powers[0] + 1 }, (_, index) => steps(powers[0] + index)).flat();
    const low = all.findLast((value) => value <= least) ?? all[0];
    const high = all.find((value) => value >= largest) ?? all.at(-1);
    const within = all.filter((value) => value >= low && value <= high);
    const every = Math.ceil(within.length / most);
    return { xs: [low, high], ticks: within.filter((_, index) => index % every === 0) };
  }

  // Where things stand, in pixels, and room for their names.
  function layout(width, height, points) {
    const { top, right, bottom, left } = MARGIN;
    const { domain } = data.quality;
    const band = Math.min(140, Math.floor(width * 0.3));
    const { xs, ticks } = costAxis(points.map((p) => p[axis]), Math.max(2, Math.floor((width - left - band) / 70)));
    const scale = (width - right - left - band) / Math.log(xs[1] / xs[0]);
    const tall = height - bottom - top;
    const xAt = (value) => left + band + scale * Math.log(value / xs[0]);
    const yAt = (value) => height - bottom - (tall * (value - domain[0])) / (domain[1] - domain[0]);
    const valueAt = (y) => domain[0] + ((height - bottom - y) / tall) * (domain[1] - domain[0]);
    const side = (p) => (xAt(p[axis]) > (left + band + width - right) / 2 ? "end" : "start");
    const room = (p) => (side(p) === "end" ? xAt(p[axis]) - left : width - right - xAt(p[axis])) / 7.5 - 8;
    return { band, xs, ticks, yAt, valueAt, side, room, lowest: height - bottom - 6 };
  }

  function names(points, at) {
    const named = spread(points.map((p) => ({ p, at: at.yAt(p.value) - 13 })), 15, at.lowest);
    return ["start", "end"].map((anchor) => Plot.text(named.filter(({ p }) => at.side(p) === anchor), {
      x: ({ p }) => p[axis], y: (label) => at.valueAt(label.at),
      text: ({ p }) => `${short(p.label, Math.max(8, Math.floor(at.room(p))))} ${num(p.value)}`,
      textAnchor: anchor, dx: anchor === "end" ? -11 : 11, fill: "currentColor", fontWeight: 600, className: "names", ...HALO,
    }));
  }

  function floorNames(floors, at) {
    return Plot.text(spread(floors.map((f) => ({ f, at: at.yAt(f.value) - 8 })), 14, at.lowest), {
      y: (label) => at.valueAt(label.at), frameAnchor: "left", textAnchor: "start", dx: 2,
      text: ({ f }) => `${short(f.name, Math.floor(at.band / 7) - 5)} ${num(f.value)}`, fill: "currentColor", className: "floornames", ...HALO,
    });
  }

  function quality(width, height) {
    const { floors, domain } = data.quality;
    const points = known();
    const at = layout(width, height, points);
    const { top, right, bottom, left } = MARGIN;
    const dots = (kind, className) => Plot.dot(points.filter((p) => p.kind === kind), {
      x: axis, y: "value", r: 6, className, title: pointSaid, tip: { ...TIP, lineWidth: 24 },
    });
    return Plot.plot({
      className: "plot", width, height, marginTop: top, marginRight: right, marginBottom: bottom, marginLeft: left, ariaLabel: said(),
      x: { type: "log", domain: at.xs, range: [left + at.band, width - right], label: null },
      y: { domain, label: null },
      marks: [
        Plot.axisX({
          ticks: at.ticks, tickFormat: AXES[axis].unit, label: `${AXES[axis].label} (log) →`, labelAnchor: "right", labelOffset: 40,
        }),
        Plot.axisY({ label: "↑ score that ranks", ticks: 6, tickSize: 0 }), Plot.gridY({ ticks: 6, className: "gridlines" }),
        Plot.text(floors.length ? [AXES[axis].nothing] : [], { frameAnchor: "bottom-left", dy: 17, dx: 2, className: "about" }),
        Plot.ruleY(floors, { y: "value", className: "floors" }),
        Plot.line(frontLine(points, at.xs[1]), { x: axis, y: "value", curve: "step-after", className: "front" }),
        Plot.ruleX(points.filter((p) => p.low !== null), { x: axis, y1: "low", y2: "high", className: "spans" }),
        floorNames(floors, at), ...names(points, at),
        dots("shown", "dots hollow"), dots("candidate", "dots"),
      ],
    });
  }

  const fit = place("plot-quality", quality);
  for (const choice of document.querySelectorAll("input[name=cost]")) {
    choice.addEventListener("change", () => {
      axis = choice.value;
      fit();
    });
  }
})();
