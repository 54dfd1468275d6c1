"use strict";

// Sorting: a head is a button; rows are ordered by data-value, as numbers where every value is one.
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const body = table.tBodies[0];
  const number = (text) => ({ inf: Infinity, "-inf": -Infinity, nan: NaN })[text] ?? Number(text);
  for (const head of table.tHead.rows[0].cells) {
    head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending" || (!head.hasAttribute("aria-sort") && head.classList.contains("n"));
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => [row.cells[head.cellIndex].dataset.value, row]);
      const numeric = head.classList.contains("n");
      const order = numeric ? (a, b) => number(a[0]) - number(b[0]) || 0 : (a, b) => a[0].localeCompare(b[0], "en", { numeric: true });
      rows.sort((a, b) => (down ? order(b, a) : order(a, b)));
      body.append(...rows.map(([, row]) => row));
    });
  }
}

// Search: every word must occur somewhere in the row.
for (const form of document.querySelectorAll("form[data-table]")) {
  const rows = [...document.getElementById(form.dataset.table).tBodies[0].rows];
  const texts = new Map(rows.map((row) => [row, [...row.cells].map((cell) => cell.dataset.value).join(" ").toLowerCase()]));
  const filter = () => {
    const words = form.elements.words.value.toLowerCase().split(/\s+/);
    const status = form.elements.status.value;
    let shown = 0;
    for (const row of rows) {
      row.hidden = !words.every((word) => texts.get(row).includes(word)) || (status !== "" && row.dataset.status !== status);
      shown += row.hidden ? 0 : 1;
    }
    form.querySelector("output").value = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter(); // browsers keep what was typed over a reload
}

// Theme: as the system, light, dark. A page opened from a file may have nowhere to keep the choice.
{
  const button = document.getElementById("theme");
  const names = ["auto", "light", "dark"];
  const kept = { get: () => { try { return localStorage.getItem("theme"); } catch { return null; } },
                 set: (name) => { try { localStorage.setItem("theme", name); } catch { /* not kept */ } } };
  const apply = (name) => {
    if (name === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    button.querySelector("span").textContent = name;
    button.setAttribute("aria-label", `Colours: ${name === "auto" ? "as the system" : name}`);
  };
  let theme = names.includes(kept.get()) ? kept.get() : "auto";
  apply(theme);
  button.addEventListener("click", () => {
    theme = names[(names.indexOf(theme) + 1) % names.length];
    kept.set(theme);
    apply(theme);
  });
}

// Charts: one at a time between frames, so that the page answers while they are drawn.
{
  const plots = [...document.querySelectorAll("figure .plot")];
  const draw = () => {
    const plot = plots.shift();
    if (plot === undefined) { document.documentElement.dataset.drawn = "true"; return; }
    const figure = JSON.parse(plot.nextElementSibling.textContent);
    if (plot.clientWidth < 520) for (const trace of figure.data) delete trace.texttemplate; // no room in the cells
    Plotly.newPlot(plot, figure.data, figure.layout, { responsive: true, displayModeBar: false });
    setTimeout(draw);
  };
  draw();
}
