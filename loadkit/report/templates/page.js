"use strict";
// Draws the figures in the colours of the page, and shows the tables behind them on demand.
const loadkit = (() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const root = document.documentElement;
  const escaped = text => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");

  function columnsOf(figure) {
    const found = new Map();
    for (const table of figure.tables) for (const column of table.columns) {
      found.set(column.key, column.values.map(one => typeof one === "string" ? escaped(one) : one));
    }
    return found;
  }
  // "@key" is a column, "var(--name)" a colour of the page.
  function resolved(value, columns, style) {
    if (typeof value === "string") {
      if (value.startsWith("@") && columns.has(value.slice(1))) return columns.get(value.slice(1));
      const colour = /^var\((--[\w-]+)\)$/.exec(value);
      return colour ? style.getPropertyValue(colour[1]).trim() : value;
    }
    if (Array.isArray(value)) return value.map(one => resolved(one, columns, style));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, resolved(one, columns, style)]));
  }
  const isPlain = value => value !== null && typeof value === "object" && !Array.isArray(value);
  function merged(base, more) {
    const result = {...base};
    for (const [key, value] of Object.entries(more)) {
      result[key] = isPlain(value) && isPlain(base[key]) ? merged(base[key], value) : value;
    }
    return result;
  }
  function baseLayout(narrow) {
    const axis = {gridcolor: "var(--grid)", linecolor: "var(--rule)", zerolinecolor: "var(--rule)", automargin: true,
      tickfont: {color: "var(--quiet)"}, title: {standoff: 8}, fixedrange: narrow};
    const pointed = {...axis, spikecolor: "var(--quiet)", spikethickness: 1};
    return {paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: {l: 52, r: 16, t: 8, b: 40},
      font: {color: "var(--ink)", size: narrow ? 11 : 12.5, family: getComputedStyle(document.body).fontFamily},
      modebar: {bgcolor: "rgba(0,0,0,0)", color: "var(--quiet)", activecolor: "var(--link)"},
      hovermode: "x unified", hoverlabel: {bgcolor: "var(--card)", bordercolor: "var(--rule)", font: {color: "var(--ink)"}},
      legend: {orientation: "h", yanchor: "bottom", y: 1.02, x: 0, traceorder: "normal"}, separators: ".,", dragmode: narrow ? false : "zoom",
      xaxis: pointed, yaxis: axis, colorway: [1, 2, 3, 4, 5, 6].map(number => `var(--line-${number})`)};
  }
  // Ticks of an axis of seconds at whole minutes and hours, wherever it is zoomed to.
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  function clock(seconds) {
    const two = value => String(value).padStart(2, "0");
    const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60, rest = seconds % 60;
    return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
  }
  function elapsedTicks([begin, end], width) {
    const step = steps.find(one => (end - begin) / one <= Math.max(width / 90, 3)) || 86400 * Math.ceil((end - begin) / 604800);
    const values = [];
    for (let at = Math.max(0, Math.ceil(begin / step)) * step; at <= end; at += step) values.push(at);
    return {tickmode: "array", tickvals: values, ticktext: values.map(clock)};
  }
  function keepTicks(place) {
    place.on("plotly_relayout", change => {
      const axis = place.layout.xaxis;
      if ("xaxis.tickvals" in change || !place.layout.meta || !place.layout.meta.elapsed) return;
      const ticks = elapsedTicks(axis.range, place.clientWidth);
      Plotly.relayout(place, {"xaxis.tickmode": "array", "xaxis.tickvals": ticks.tickvals, "xaxis.ticktext": ticks.ticktext});
    });
  }
  function draw(figure) {
    const place = document.getElementById(figure.name);
    if (!place) return;
    const style = getComputedStyle(root), columns = columnsOf(figure), narrow = place.clientWidth < 560;
    const layout = merged(baseLayout(narrow), figure.layout);
    if (layout.meta && layout.meta.elapsed) {
      Object.assign(layout.xaxis, elapsedTicks(layout.xaxis.range, place.clientWidth),
        {unifiedhovertitle: {text: "%{x:,} s"}});
    }
    const first = !place.classList.contains("js-plotly-plot");
    const printing = root.classList.contains("printing");
    place.style.height = figure.layout.height && !printing ? `${figure.layout.height}px` : "";
    layout.height = printing ? place.clientHeight : figure.layout.height;
    if (printing) layout.width = place.clientWidth;
    Plotly.react(place, resolved(figure.traces, columns, style), resolved(layout, columns, style),
      {responsive: true, displaylogo: false, displayModeBar: narrow ? false : "hover",
        modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]]});
    if (first) keepTicks(place);
  }
  const drawAll = () => figures.forEach(draw);
  // One figure at a time, so that the text can be read and scrolled before all are drawn.
  function drawInTurn(number) {
    if (number >= figures.length) { root.dataset.drawn = "all"; return; }
    draw(figures[number]);
    setTimeout(drawInTurn, 0, number + 1);
  }
  const shown = value => value === null ? "–"
    : typeof value === "number" ? value.toLocaleString("en", {maximumSignificantDigits: 6}) : value;
  function element(name, parent, text, classes) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (classes) made.className = classes;
    parent.append(made);
    return made;
  }
  function fill(details) {
    const figure = figures.find(one => one.name === details.dataset.figure);
    for (const table of figure.tables) {
      const box = element("div", details, undefined, "scroll");
      box.tabIndex = 0;
      const grid = element("table", box);
      if (table.title) element("caption", grid, table.title);
      const head = element("tr", element("thead", grid));
      const kinds = table.columns.map(column => column.values.some(one => typeof one === "string") ? "l" : "r");
      table.columns.forEach((column, at) => { element("th", head, column.label, kinds[at]).scope = "col"; });
      const body = element("tbody", grid), rows = Math.max(...table.columns.map(column => column.values.length));
      for (let number = 0; number < rows; number++) {
        const row = element("tr", body);
        table.columns.forEach((column, at) => element("td", row, shown(column.values[number]), kinds[at]));
      }
    }
  }
  for (const details of document.querySelectorAll("details.data")) {
    details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) fill(details); });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  addEventListener("beforeprint", () => { root.classList.add("printing"); drawAll(); });
  addEventListener("afterprint", () => { root.classList.remove("printing"); drawAll(); });
  setTimeout(drawInTurn, 0, 0);
  return {figures, draw, drawAll};
})();
