"use strict";
(() => {
  const root = document.documentElement;
  const stored = (value) => {
    try {
      if (value) localStorage.setItem("cluvault-theme", value);
      return localStorage.getItem("cluvault-theme");
    } catch { return null; }
  };
  const theme = stored();
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  const isDark = () => root.dataset.theme
    ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const toggle = document.getElementById("theme");
  const say = () => toggle.setAttribute("aria-pressed", String(isDark()));
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    stored(root.dataset.theme);
    say();
  });
  say();

  const filter = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const rows = [...document.querySelectorAll("[data-project]")];
  if (filter) {
    filter.closest("form").hidden = false;
    filter.closest("form").addEventListener("submit", (event) => event.preventDefault());
    filter.addEventListener("input", () => {
      const wanted = filter.value.trim().toLowerCase();
      for (const row of rows) row.hidden = !row.dataset.project.toLowerCase().includes(wanted);
      const number = document.querySelectorAll("#projects-table tbody tr:not([hidden])").length;
      shown.textContent = `${number} of ${document.querySelectorAll("#projects-table tbody tr").length} projects`;
    });
  }

  const order = new Intl.Collator(undefined, { numeric: true });
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const key = (row) => row.cells[place].dataset.value ?? row.cells[place].textContent.trim();
        const sorted = [...table.tBodies[0].rows].sort((a, b) => order.compare(key(a), key(b)));
        table.tBodies[0].append(...(up ? sorted : sorted.reverse()));
      });
    });
  }
})();
