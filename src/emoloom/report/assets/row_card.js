"use strict";
// One decoded row as a card: text, gold line, and a line for each answer. Text nodes only.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const HEADS = [["Answer", ""], ["Labels", ""], ["V", "n"], ["A", "n"], ["D", "n"], ["Output", ""]];

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

  function labelsCell(labels, gold, rationale) {
    const cell = make("td");
    for (const label of labels || []) cell.append(make("span", gold !== null && gold.includes(label) ? "label hit" : "label", label));
    if (!labels) cell.append(make("span", "why", "no labels"));
    if (rationale) cell.append(make("span", "why", rationale));
    return cell;
  }

  function vadCell(value, gold) {
    const cell = make("td", "n v", value.toFixed(2));
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

  function goldLine({ gold, vad, rated }) {
    const line = make("tr", "goldline");
    line.append(heading("Gold"), labelsCell(gold, null, ""));
    for (let k = 0; k < 3; k += 1) line.append(make("td", "n v", vad === null || vad[k] === null ? "–" : vad[k].toFixed(2)));
    line.append(make("td", "raw", vad === null ? "no VAD" : `${rated} VAD`));
    return line;
  }

  // The output of an answer that is written as the contract writes it is not stored: it follows.
  function canonical(labels, vad, rationale) {
    const [v, a, d] = vad.map((value) => value.toFixed(2));
    return `{"labels":${JSON.stringify(labels)},"vad":{"v":${v},"a":${a},"d":${d}},"rationale":${JSON.stringify(rationale)}}`;
  }

  function failedLine(name, [reason, raw], words) {
    const line = make("tr");
    const why = reason < 0 ? make("td", "", "not parsed") : make("td", "fail", words[reason].replaceAll("_", " "));
    why.colSpan = 4;
    line.append(heading(name), why, make("td", "raw", raw === "" ? "(empty output)" : raw));
    return line;
  }

  function answerLine(name, cell, row, words) {
    if (typeof cell[0] === "number") return failedLine(name, cell, words);
    const [labels, vad] = [cell[0].map((label) => words[label]), cell[1].map((value) => value / 100)];
    const [, , rationale, raw = canonical(labels, vad, rationale)] = cell;
    const line = make("tr");
    line.append(heading(name), labelsCell(labels, row.gold, rationale));
    for (let k = 0; k < 3; k += 1) line.append(vadCell(vad[k], row.vad === null ? null : row.vad[k]));
    line.append(make("td", "raw", raw));
    return line;
  }

  function rowTable(row, lines) {
    const table = make("table");
    const head = make("tr");
    for (const [text, className] of HEADS) {
      const cell = make("th", className, text);
      cell.scope = "col";
      head.append(cell);
    }
    const top = make("thead");
    top.append(head);
    const body = make("tbody");
    body.append(goldLine(row), ...lines);
    table.append(make("caption", "unseen", `Answers for ${row.id}`), top, body);
    return table;
  }

  globalThis.emoloomRowCard = ([id, text, source, goldLabels, vad, rated, cells], who, names, words) => {
    const gold = goldLabels === null ? null : goldLabels.map((label) => words[label]);
    const row = { id, gold, vad, rated: words[rated] };
    const lines = cells.flatMap((cell, index) => {
      const wanted = cell !== null && (who === "" || Number(who) === index);
      return wanted ? [answerLine(names[index], cell, row, words)] : [];
    });
    const card = make("article", "row");
    card.setAttribute("aria-label", `Row ${id}`);
    const header = make("header");
    header.append(make("p", "text", text === null ? "(text not in this folder)" : text));
    header.append(make("p", "meta", words[source] ? `${id} · ${words[source]}` : id));
    const box = make("div", "scroll");
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", `Answers for ${id}`);
    box.append(rowTable(row, lines));
    card.append(header, box);
    return card;
  };
})();
