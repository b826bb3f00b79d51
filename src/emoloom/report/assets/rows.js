"use strict";
// The decoded rows: search, filters, order, pages. Data reaches the page as text nodes only.
(() => {
  const at = (id) => document.getElementById(id);
  const store = at("rows-data");
  if (!store) return;
  const PAGE = 10;
  const CHUNK = 500;
  const PAUSE = 120;
  const { names, words, rows } = JSON.parse(store.textContent);
  const make = globalThis.emoloomRowCard;
  const order = { error: byError };

  // A row is [id, text, source, gold labels, gold VAD, who gave the VAD, answers]; see row_payload.py.
  const [ID, TEXT, SOURCE, GOLD, VAD, , CELLS] = [0, 1, 2, 3, 4, 5, 6];
  const failed = (cell) => typeof cell[0] === "number";
  const said = (labels) => labels.map((label) => words[label]);

  // What a search looks through, made once a row: ahead of time, in pauses, so that typing is smooth.
  const haystacks = new Array(rows.length);
  function haystack(index) {
    if (haystacks[index] === undefined) {
      const row = rows[index];
      const parts = [row[ID], row[TEXT], words[row[SOURCE]], ...said(row[GOLD] || [])];
      for (const cell of row[CELLS]) {
        if (cell === null) continue;
        if (failed(cell)) parts.push(words[cell[0]], cell[1]);
        else parts.push(...said(cell[0]), cell[2], cell[3]);
      }
      haystacks[index] = parts.filter(Boolean).join("\n").toLowerCase();
    }
    return haystacks[index];
  }
  const rest = globalThis.requestIdleCallback || ((work) => setTimeout(work, 20));
  function prepare(from) {
    const end = Math.min(from + CHUNK, rows.length);
    for (let index = from; index < end; index += 1) haystack(index);
    if (end < rows.length) rest(() => prepare(end));
  }

  const same = (labels, gold) => labels.length === gold.length && labels.every((label) => gold.includes(label));
  const outcomes = {
    failed: (cell) => failed(cell) && cell[0] >= 0,
    differ: (cell, row) => !failed(cell) && row[GOLD] !== null && !same(cell[0], row[GOLD]),
    equal: (cell, row) => !failed(cell) && row[GOLD] !== null && same(cell[0], row[GOLD]),
  };
  const cellsOf = (row, who) => (who === "" ? row[CELLS] : [row[CELLS][Number(who)]]).filter((cell) => cell !== null);

  // Distance of an answer from the gold VAD, over its rated dimensions; nothing where either is absent.
  function distance(cell, row) {
    if (failed(cell) || row[VAD] === null) return -1;
    return Math.hypot(...row[VAD].map((gold, axis) => (gold === null ? 0 : cell[1][axis] / 100 - gold)));
  }

  function byError(found, who) {
    const most = new Map(found.map((row) => [row, Math.max(-1, ...cellsOf(row, who).map((cell) => distance(cell, row)))]));
    return found.sort((a, b) => most.get(b) - most.get(a));
  }

  function chosen() {
    const query = at("q").value.trim().toLowerCase();
    const [who, source, label] = [at("who").value, at("source").value, at("gold").value];
    const outcome = outcomes[at("what").value];
    const found = rows.filter((row, index) => {
      if (source !== "" && row[SOURCE] !== Number(source)) return false;
      if (label !== "" && !(row[GOLD] || []).includes(Number(label))) return false;
      if (query && !haystack(index).includes(query)) return false;
      return !outcome || cellsOf(row, who).some((cell) => outcome(cell, row));
    });
    const sort = order[at("order").value];
    return sort ? sort(found, who) : found;
  }

  let found = [];
  let start = 0;
  const number = (value) => value.toLocaleString("en");

  function show(from) {
    start = Math.max(0, Math.min(from, Math.floor(Math.max(found.length - 1, 0) / PAGE) * PAGE));
    const end = Math.min(start + PAGE, found.length);
    at("found").textContent = found.length
      ? `${number(start + 1)} to ${number(end)} of ${number(found.length)} rows`
      : "No row matches.";
    at("previous").disabled = start === 0;
    at("next").disabled = end >= found.length;
    const cards = found.slice(start, end).map((row) => make(row, at("who").value, names, words));
    at("list").replaceChildren(...cards);
  }

  function search() {
    found = chosen();
    show(0);
  }

  function options(select, entries) {
    for (const [value, text] of entries) {
      const option = document.createElement("option");
      option.value = String(value);
      option.textContent = text;
      at(select).append(option);
    }
  }
  const listed = (numbers) => [...new Set(numbers)].map((n) => [n, words[n]]).filter(([, word]) => word).sort((a, b) => (a[1] < b[1] ? -1 : 1));

  options("who", names.map((name, index) => [index, name]));
  options("source", listed(rows.map((row) => row[SOURCE])));
  options("gold", listed(rows.flatMap((row) => row[GOLD] || [])));
  let waiting = 0;
  at("q").addEventListener("input", () => {
    clearTimeout(waiting);
    if (rows.length > CHUNK) waiting = setTimeout(search, PAUSE);
    else search();
  });
  for (const id of ["who", "what", "source", "gold", "order"]) at(id).addEventListener("change", search);
  at("previous").addEventListener("click", () => show(start - PAGE));
  at("next").addEventListener("click", () => show(start + PAGE));
  at("browser").hidden = false;
  search();
  rest(() => prepare(0));
})();
