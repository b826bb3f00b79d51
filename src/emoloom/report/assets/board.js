"use strict";
// The leaderboard: sort by a column, filter by name, rank again with other weights.
(() => {
  const at = (id) => document.getElementById(id);
  const table = at("board");
  if (!table) return;
  const rows = [...table.querySelectorAll("tr[data-kind]")];
  const heads = [...table.querySelectorAll("th[data-sort]")];
  const number = (text) => (text === undefined || text === "" ? null : Number(text));
  const shown = (value, places) => (value === null ? "–" : value.toFixed(places).replace("-", "−"));
  let sorted = { head: heads.find((head) => head.hasAttribute("aria-sort")), down: true };

  // Sort -------------------------------------------------------------------------------------

  const view = () => (at("view-parsed").checked ? "parsed" : "strict");

  function value(row, head) {
    if (head.dataset.sort === "name") return row.dataset.name.toLowerCase();
    const { dataset } = row.cells[head.cellIndex];
    return number(dataset[view()] ?? dataset.value);
  }

  // What has no value stands last, whichever way; equal ones stay as they were, equal scores by rank.
  function compare(a, b, { head, down }) {
    const [x, y] = [value(a, head), value(b, head)];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    const ranks = [b, a].map((row) => number(row.querySelector(".rank").textContent));
    const ahead = x === y && head.dataset.sort === "score" ? ranks[0] - ranks[1] : x < y ? -1 : Number(x > y);
    return down ? -ahead : ahead;
  }

  function sort() {
    for (const head of heads) head.removeAttribute("aria-sort");
    sorted.head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
    for (const body of table.tBodies) {
      const members = rows.filter((row) => row.parentElement === body);
      body.append(...members.sort((a, b) => compare(a, b, sorted)));
    }
  }

  for (const head of heads) {
    const name = head.querySelector(".head");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...name.childNodes);
    name.replaceWith(button);
    button.addEventListener("click", () => {
      const again = sorted.head === head;
      sorted = { head, down: again ? !sorted.down : head.dataset.sort !== "name" };
      sort();
    });
  }
  for (const id of ["view-strict", "view-parsed"]) at(id).addEventListener("change", sort);

  // Filter -----------------------------------------------------------------------------------

  at("board-filter").addEventListener("input", () => {
    const query = at("board-filter").value.trim().toLowerCase();
    for (const row of rows) row.hidden = !row.cells[0].textContent.toLowerCase().includes(query);
    const left = rows.filter((row) => !row.hidden).length;
    at("board-found").textContent = query ? `${left} of ${rows.length} entries` : "";
  });
  at("board-tools").hidden = false;

  // Other weights ----------------------------------------------------------------------------

  if (!at("reweigh")) return;
  const slider = at("weight");
  const own = { labels: number(table.dataset.labels), vad: number(table.dataset.vad) };
  const parts = (text) => text.split(" ").filter(Boolean).map((pair) => {
    const [labels, skill] = pair.split(",").map(number);
    return { labels, skill };
  });
  const entries = rows.map(({ dataset }) => ({ name: dataset.name, kind: dataset.kind, parts: parts(dataset.parts ?? "") }));
  const before = rows.map((row) => ({
    rank: row.querySelector(".rank").textContent, score: row.querySelector(".scoreline b").textContent,
    dot: row.querySelector(".bar circle")?.getAttribute("cx"), value: row.querySelector(".score").dataset.value,
  }));
  const ends = [...table.querySelectorAll("thead .axis span")];
  const scale = ends.map((end) => end.textContent);

  function write(row, { rank, score, value: sortBy, dot }) {
    row.querySelector(".rank").textContent = rank;
    row.querySelector(".scoreline b").textContent = score;
    row.querySelector(".score").dataset.value = sortBy;
    if (dot) row.querySelector(".bar circle").setAttribute("cx", dot);
  }

  function ranked(weights) {
    const made = globalThis.emoloomRank(entries, weights);
    const most = Math.max(...made.map(({ score }) => score ?? 0));
    const top = Math.max(Math.ceil(most * 20 + 1e-9), 1) / 20;
    rows.forEach((row, index) => {
      const { rank, score } = made[index];
      const dot = score === null || !before[index].dot ? null : `${((100 * score) / top).toFixed(2)}%`;
      write(row, { rank: rank ?? "", score: shown(score, 3), value: score ?? "", dot });
    });
    [ends[0].textContent, ends[1].textContent] = ["0.00", top.toFixed(2)];
    return made;
  }

  function say(made, weights) {
    const places = made.filter(({ rank }) => rank !== null).sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1));
    const first = places.slice(0, 3).map(({ rank, name, score }) => `${rank}. ${name} ${shown(score, 3)}`);
    at("reweighed").textContent = `${first.join(", ")}${places.length > 3 ? ", …" : ""}`;
    const plain = (weight) => Number(weight.toFixed(4));
    at("rank-command").textContent = `--weights labels=${plain(weights.labels)},vad=${plain(weights.vad)}`;
  }

  function reweigh(weights) {
    const changed = Math.abs(weights.labels - own.labels) > 1e-9;
    table.classList.toggle("reweighed", changed);
    at("reweigh-note").hidden = !changed;
    at("weight-reset").disabled = !changed;
    const words = `labels ${weights.labels.toFixed(2)}, VAD ${weights.vad.toFixed(2)}`;
    slider.value = String(Math.round(100 * weights.labels));
    slider.setAttribute("aria-valuetext", words);
    at("weights-said").textContent = words;
    if (changed) {
      say(ranked(weights), weights);
    } else {
      rows.forEach((row, index) => write(row, before[index]));
      ends.forEach((end, index) => { end.textContent = scale[index]; });
      at("reweighed").textContent = "";
    }
    if (sorted.head.dataset.sort === "score") sort();
  }

  slider.addEventListener("input", () => reweigh({ labels: slider.value / 100, vad: 1 - slider.value / 100 }));
  at("weight-reset").addEventListener("click", () => reweigh(own));
  reweigh(own);
})();
