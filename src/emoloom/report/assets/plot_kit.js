"use strict";
// What the plots share: numbers as text, a plot in its place, and the choice of an entry.
// They are drawn with Observable Plot. Names are text to it; colours are the stylesheet's.
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
  const digits = (value, places = 3) => Number(value.toPrecision(places)).toString().replace("-", "−");

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
      // Plot's own style element is against the page's policy; plots.css says the same.
      for (const style of svg.querySelectorAll("style")) style.remove();
      // The drawing is one image with one sentence; a group without a role may have no name.
      for (const part of svg.querySelectorAll("[aria-label]")) {
        part.dataset.part = part.getAttribute("aria-label");
        part.removeAttribute("aria-label");
      }
      svg.setAttribute("role", "img");
      host.replaceChildren(svg);
    };
    const fit = () => draw(Math.floor(host.clientWidth));
    // On paper the cards of the first screen stand one below the other, the rest as on the screen.
    const share = host.closest(".overview") ? 1 : host.clientWidth / document.documentElement.clientWidth;
    window.addEventListener("beforeprint", () => draw(Math.min(width, Math.floor(PRINT_WIDTH * Math.min(share * 1.1, 1)))));
    window.addEventListener("afterprint", fit);
    const refit = () => {
      if (Math.floor(host.clientWidth) !== width) fit();
    };
    new ResizeObserver(() => requestAnimationFrame(refit)).observe(host);
    fit();
    return fit;
  }

  // One choice for the whole page: choosing an entry in one place chooses it in all.
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

  globalThis.emoloomPlots = {
    Plot, TIP, HALO, at, chooser, count, data, digits, num, place, rows, short, span, spread,
  };
})();
