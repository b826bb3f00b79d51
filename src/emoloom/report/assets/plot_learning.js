"use strict";
// Learning curves: a loss term of every candidate, and what the mixture of one did.
(() => {
  const kit = globalThis.emoloomPlots;
  if (!kit || !kit.data.learning) return;
  const { Plot, at, chooser, count, short, TIP } = kit;
  const { terms, strata, curves } = kit.data.learning;
  const mixed = curves.filter((curve) => curve.mixed);
  const MIXTURE = [
    ["excess", "held-out label loss less base rates', in nats"],
    ["tau", "temperature τ"],
    ["share_a", "share of pool A"],
  ];

  const said = (value) => (value === null ? "–" : Number(value.toPrecision(3)).toString().replace("-", "−"));
  const steps = (value) => `${count(value)} ${value === 1 ? "step" : "steps"}`;
  const pairs = (curve, values) => (values || []).map((value, index) => ({ name: curve.name, step: curve.steps[index], value, block: curve.block }));
  const known = (points) => points.filter((point) => point.value !== null);
  const ends = (points) => (points.length ? `${said(points[0].value)} at first, ${said(points.at(-1).value)} at last` : "nothing logged");
  const thinning = (curve) => (curve.block === 1 ? `${steps(curve.count)}, one point each.` : `${steps(curve.count)}; one point is the mean of ${steps(curve.block)}.`);
  const pointSaid = (p) => `${p.name}\n${p.block === 1 ? "step" : "steps around"} ${count(Math.round(p.step))}: ${said(p.value)}`;
  const last = (some) => Math.max(1, ...some.map((curve) => curve.steps.at(-1) || 0));

  // The same lines for one curve alone and for one among others; where they meet, its tip is shown.
  function lines(width, height, { points, chosen, x, y, label, aria }) {
    const ticks = Math.max(2, Math.floor(width / 110));
    const other = points.filter((p) => p.name !== chosen);
    const own = points.filter((p) => p.name === chosen);
    const line = (some, className) => Plot.line(some, { x: "step", y: "value", z: "name", className });
    const alone = own.length === 1 ? [Plot.dot(own, { x: "step", y: "value", r: 4, className: "dots" })] : [];
    return Plot.plot({
      className: "plot", width, height, marginTop: 26, marginRight: 14, marginBottom: 40, marginLeft: 46, ariaLabel: aria,
      x: { domain: x, label: null }, y: { domain: y, label: null },
      marks: [
        Plot.gridY({ ticks: 5, className: "gridlines" }), Plot.axisX({ ticks, label: "step →", labelAnchor: "right", labelOffset: 34, tickSize: 0 }),
        Plot.axisY({ ticks: 5, tickSize: 0, label: `↑ ${label}` }), line(other, "others"), line(own, "front"), ...alone,
        Plot.tip(known([...other, ...own]), Plot.pointer({ x: "step", y: "value", title: pointSaid, ...TIP, lineWidth: 24 })),
      ],
    });
  }

  const term = at("learning-term");
  const termIndex = () => Number(term.value) || 0;

  function termCurves(width, height, curve) {
    const index = termIndex();
    const points = curves.flatMap((one) => pairs(one, one.terms[index]));
    const values = known(points).map((p) => p.value);
    const own = known(pairs(curve, curve.terms[index]));
    const top = Math.max(...values, 0) * 1.04 || 1;
    return lines(width, height, {
      points, chosen: curve.name, x: [0, last(curves)], y: [Math.min(0, ...values), top], label: terms[index][0],
      aria: `${terms[index][1]}, over the steps of every candidate. ${curve.name}: ${ends(own)}.`,
    });
  }

  function mixtureCurve(width, height, curve, [key, label]) {
    const values = mixed.flatMap((one) => one.mixture[key] || []).filter((value) => value !== null);
    const domains = { tau: [1, Math.max(2, ...values)], excess: [Math.min(0, ...values), Math.max(0.1, ...values)] };
    const y = domains[key] || [0, 1];
    const points = known(pairs(curve, curve.mixture[key])); // the loss is not measured at every step
    return lines(width, height, {
      points, chosen: curve.name, x: [0, last(mixed)], y, label,
      aria: `${label} over the steps of ${curve.name}: ${ends(points)}.`,
    });
  }

  function drawnStrata(width, height, curve) {
    const found = strata.map((name, index) => ({ name, key: String(index), rows: curve.strata[index] }));
    const most = Math.max(1, ...mixed.flatMap((one) => one.strata));
    const bars = (pool, className) => Plot.barX(found.filter((one) => one.name.startsWith("A:") === pool), {
      y: "key", x: "rows", className, insetTop: 2, insetBottom: 2,
      title: (one) => `${one.name}\n${count(one.rows)} rows drawn`, tip: { ...TIP, lineWidth: 24 },
    });
    const [limit, left] = width < 480 ? [14, 112] : [22, 160];
    return Plot.plot({
      className: "plot", width, height, marginTop: 26, marginRight: 44, marginBottom: 30, marginLeft: left,
      ariaLabel: `Rows that ${curve.name} drew from each of ${strata.length} strata: ${found.map((one) => `${one.name} ${one.rows}`).join(", ")}.`,
      x: { domain: [0, most], label: null }, y: { domain: found.map((one) => one.key), label: null, padding: 0 },
      marks: [
        Plot.gridX({ ticks: 5, className: "gridlines" }), Plot.axisX({ ticks: 5, label: "rows drawn →", labelAnchor: "right", tickSize: 0 }),
        Plot.axisY({ tickFormat: (key) => short(strata[Number(key)], limit), tickSize: 0, className: "names" }),
        bars(true, "bars"), bars(false, "bars other"),
        Plot.text(found, { y: "key", x: "rows", text: (one) => count(one.rows), textAnchor: "start", dx: 5, className: "about" }),
      ],
    });
  }

  let chosen = null;
  function tell(curve) {
    chosen = curve;
    const lacks = curve.terms[termIndex()] === null ? ` It has no term ${terms[termIndex()][0]}.` : "";
    at("learning-said").textContent = `${thinning(curve)}${lacks}`;
  }
  const fits = chooser("learning-who", curves, [["plot-terms", termCurves]], tell);
  term.addEventListener("change", () => {
    tell(chosen);
    for (const fit of fits) fit();
  });
  if (mixed.length) {
    const plots = MIXTURE.map((what) => [`plot-${what[0]}`, (width, height, curve) => mixtureCurve(width, height, curve, what)]);
    chooser("mixture-who", mixed, strata.length ? [...plots, ["plot-strata", drawnStrata]] : plots, (curve) => {
      at("mixture-said").textContent = thinning(curve);
    });
  }
})();
