"use strict";
(() => {
  const kEvery = 2000;
  const kKept = 150;
  const kLeastShown = 30; // values across a plot
  const kWidth = 100;
  const kHeight = 24;
  const histories = new Map();
  let before = null;

  const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  const exact = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
  const number = (value) => (value >= 100 ? whole : exact).format(value);

  function bytes(value) {
    const units = ["B", "KB", "MB", "GB"];
    let at = 0;
    for (; value >= 1024 && at < units.length - 1; at++) value /= 1024;
    return `${number(value)} ${units[at]}`;
  }

  function seconds(value) {
    if (value === 0) return "0";
    if (value < 0.001) return `${number(value * 1e6)} µs`;
    return value < 1 ? `${number(value * 1e3)} ms` : `${number(value)} s`;
  }

  const shown = { bytes, seconds, rate: (value) => `${number(value)}/s`, number: (value) => whole.format(value) };

  /** "NAME" or "NAME/PART": a figure, or one of its parts. */
  function figure(zone, name) {
    const [first, second] = name.split("/");
    return second === undefined ? zone[first] : zone[first]?.[second];
  }

  function plot(svg, values) {
    const most = Math.max(...values, 1e-9);
    const step = kWidth / (Math.max(values.length, kLeastShown) - 1);
    const x0 = kWidth - (values.length - 1) * step;
    const points = values.map((value, i) =>
      `${(x0 + i * step).toFixed(1)},${(kHeight - 1 - (value / most) * (kHeight - 2)).toFixed(1)}`);
    svg.querySelector("path").setAttribute("d", points.length > 1 ? `M${points.join("L")}` : "");
  }

  function newRow(body, figure, label) {
    const row = document.createElement("tr");
    row.hidden = body.dataset.hides !== undefined; // until it is more than 0
    row.append(document.createElement("td"), document.createElement("td"));
    row.firstChild.textContent = `${body.dataset.before ?? ""}${label}`;
    Object.assign(row.lastChild.dataset, { figure, kind: body.dataset.kind });
    return row;
  }

  /** Gives a table a row for each label that there is now, and no other: workers come and go. */
  function renewRows(body, zone) {
    const figures = Object.keys(zone[body.dataset.rows] ?? {}).map((label) => [`${body.dataset.rows}/${label}`, label]);
    const rows = new Map([...body.querySelectorAll("[data-figure]")].map((cell) => [cell.dataset.figure, cell.parentElement]));
    const none = body.querySelector(".none");
    if (figures.some(([figure]) => !rows.has(figure))) {
      for (const [figure, label] of figures) body.insertBefore(rows.get(figure) ?? newRow(body, figure, label), none);
    }
    const now = new Set(figures.map(([figure]) => figure));
    for (const [figure, row] of rows) if (!now.has(figure)) row.remove();
  }

  function show(section, zone, last, elapsed) {
    for (const body of section.querySelectorAll("[data-rows]")) renewRows(body, zone);
    for (const element of section.querySelectorAll("[data-figure]")) {
      const name = element.dataset.figure;
      const kind = element.dataset.kind ?? "number";
      let value = figure(zone, name);
      if (kind === "rate") value = last ? Math.max(0, (value - figure(last, name)) / elapsed) : NaN;
      if (value === undefined) continue;
      const text = element.querySelector("b") ?? element;
      if (!Number.isNaN(value)) text.textContent = shown[kind](value);
      const row = element.closest("tr[hidden]");
      if (row && value > 0) {
        row.hidden = false;
        row.parentElement.querySelector(".none").hidden = true;
      }
      const svg = element.querySelector("svg");
      if (!svg || Number.isNaN(value)) continue;
      const key = `${zone.zone} ${name}`;
      const values = histories.get(key) ?? [];
      values.push(value);
      if (values.length > kKept) values.shift();
      histories.set(key, values);
      plot(svg, values);
    }
    const meter = section.querySelector("meter");
    meter.value = meter.max - zone.zone_free_bytes;
  }

  async function turn() {
    const state = document.querySelector("#state");
    try {
      const answer = await fetch("?format=json", { cache: "no-store" });
      if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
      const body = await answer.json();
      const now = { at: performance.now(), zones: new Map((body.zones ?? [body]).map((zone) => [zone.zone, zone])) };
      for (const section of document.querySelectorAll("section")) {
        const zone = now.zones.get(section.dataset.zone);
        if (zone) show(section, zone, before?.zones.get(zone.zone), (now.at - before?.at) / 1000);
      }
      before = now;
      state.textContent = `as of ${new Date().toLocaleTimeString()}`;
      state.className = "quiet";
    } catch (error) {
      state.textContent = `No newer figures: ${error.message}`;
      state.className = "bad";
    }
    setTimeout(turn, kEvery);
  }

  turn();
})();
