
"use strict";
// Renders the decoded rows. Data reaches the page as text nodes only, never as markup.
(() => {
  const PAGE = 10;
  const SVG = "http://www.w3.org/2000/svg";
  const at = (id) => document.getElementById(id);

  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });

  const store = at("rows-data");
  if (!store) return;
  const { names, rows } = JSON.parse(store.textContent);
  const haystacks = new Map();
  let start = 0;

  function make(tag, className, text) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined && text !== null) node.textContent = text;
    return node;
  }

  function drawn(tag, attributes) {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  }

  function haystack(row) {
    if (!haystacks.has(row)) {
      const parts = [row.i, row.t, row.s, ...(row.g || []), ...row.c.map((cell) => cell && cell[0])];
      haystacks.set(row, parts.filter(Boolean).join("\n").toLowerCase());
    }
    return haystacks.get(row);
  }

  function sameLabels(cell, gold) {
    return cell[1].length === gold.length && cell[1].every((label) => gold.includes(label));
  }

  const outcomes = {
    failed: (cell) => cell[4] !== null,
    differ: (cell, gold) => gold !== null && cell[1] !== null && !sameLabels(cell, gold),
    equal: (cell, gold) => gold !== null && cell[1] !== null && sameLabels(cell, gold),
  };

  function chosen() {
    const query = at("q").value.trim().toLowerCase();
    const who = at("who").value;
    const outcome = outcomes[at("what").value];
    return rows.filter((row) => {
      if (query && !haystack(row).includes(query)) return false;
      if (!outcome) return true;
      const cells = who === "" ? row.c : [row.c[Number(who)]];
      return cells.some((cell) => cell !== null && outcome(cell, row.g));
    });
  }

  function labelsCell(labels, gold, rationale) {
    const cell = make("td");
    for (const label of labels || []) {
      const hit = gold !== null && gold.includes(label);
      cell.append(make("span", hit ? "label hit" : "label", label));
    }
    if (!labels) cell.append(make("span", "why", "no labels"));
    if (rationale) cell.append(make("span", "why", rationale));
    return cell;
  }

  function vadCell(value, gold) {
    const cell = make("td", "n v", value === null ? "–" : value.toFixed(2));
    if (value === null) return cell;
    const mini = drawn("svg", { class: "mini", "aria-hidden": "true" });
    mini.append(drawn("line", { class: "track", x1: "0", x2: "100%", y1: 5, y2: 5 }));
    if (gold !== null) {
      const x = `${100 * gold}%`;
      mini.append(drawn("line", { class: "goldmark", x1: x, x2: x, y1: 0, y2: 10 }));
    }
    mini.append(drawn("circle", { cx: `${100 * value}%`, cy: 5, r: 2.75 }));
    cell.append(mini);
    return cell;
  }

  function heading(text) {
    const cell = make("th");
    cell.scope = "row";
    cell.append(make("bdi", "name", text));
    return cell;
  }

  function goldLine(row) {
    const line = make("tr", "goldline");
    line.append(heading("Gold"), labelsCell(row.g, null, ""));
    for (let k = 0; k < 3; k += 1) line.append(make("td", "n v", row.v === null ? "–" : row.v[k].toFixed(2)));
    line.append(make("td", "raw", row.v === null ? "no VAD" : `${row.w} VAD`));
    return line;
  }

  function answerLine(name, cell, row) {
    const line = make("tr");
    const [raw, labels, vad, rationale, reason] = cell;
    line.append(heading(name));
    if (labels === null) {
      const why = make("td", reason ? "fail" : "", reason ? reason.replaceAll("_", " ") : "not parsed");
      why.colSpan = 4;
      line.append(why);
    } else {
      line.append(labelsCell(labels, row.g, rationale));
      for (let k = 0; k < 3; k += 1) line.append(vadCell(vad[k], row.v === null ? null : row.v[k]));
    }
    line.append(make("td", "raw", raw === "" ? "(empty output)" : raw));
    return line;
  }

  function rowTable(row, who) {
    const table = make("table");
    const head = make("tr");
    for (const [text, className] of [["Answer", ""], ["Labels", ""], ["V", "n"], ["A", "n"], ["D", "n"], ["Output", ""]]) {
      const cell = make("th", className, text);
      cell.scope = "col";
      head.append(cell);
    }
    const body = make("tbody");
    body.append(goldLine(row));
    row.c.forEach((cell, index) => {
      if (cell !== null && (who === "" || Number(who) === index)) body.append(answerLine(names[index], cell, row));
    });
    const top = make("thead");
    top.append(head);
    table.append(top, body);
    return table;
  }

  function rowCard(row, who) {
    const card = make("article", "row");
    const header = make("header");
    header.append(make("p", "text", row.t === null ? "(text not in this folder)" : row.t));
    header.append(make("p", "meta", row.s ? `${row.i} · ${row.s}` : row.i));
    const box = make("div", "scroll");
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", `Answers for ${row.i}`);
    box.append(rowTable(row, who));
    card.append(header, box);
    return card;
  }

  function show(from) {
    const found = chosen();
    start = Math.max(0, Math.min(from, Math.floor(Math.max(found.length - 1, 0) / PAGE) * PAGE));
    const end = Math.min(start + PAGE, found.length);
    at("found").textContent = found.length ? `${start + 1} to ${end} of ${found.length} rows` : "No row matches.";
    at("previous").disabled = start === 0;
    at("next").disabled = end >= found.length;
    at("list").replaceChildren(...found.slice(start, end).map((row) => rowCard(row, at("who").value)));
  }

  names.forEach((name, index) => {
    const option = make("option", "", name);
    option.value = String(index);
    at("who").append(option);
  });
  at("q").addEventListener("input", () => show(0));
  at("who").addEventListener("change", () => show(0));
  at("what").addEventListener("change", () => show(0));
  at("previous").addEventListener("click", () => show(start - PAGE));
  at("next").addEventListener("click", () => show(start + PAGE));
  at("browser").hidden = false;
  show(0);
})();
