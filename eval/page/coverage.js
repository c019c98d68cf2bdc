"use strict";
{
  const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const save = (name, type, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };
  const value = (cell) => cell.dataset.value ?? cell.textContent;
  // A spreadsheet takes a cell that begins like this for a formula; eval/tables.py has the same.
  const formula =
    /^'*(?:[\t\r\n]|[\s\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20])/;
  const quoted = (text) =>
    `"${(formula.test(text) ? "'" + text : text).replaceAll('"', '""')}"`;
  const number = (text) => (/^[-+]?[\d,]+(\.\d+)?$/.test(text) ? Number(text.replaceAll(",", "")) : NaN);
  const compare = (a, b) => {
    const [x, y] = [number(a), number(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? order.compare(a, b) : x - y;
  };
  const reveals = [];
  for (const table of document.querySelectorAll("table.rows")) {
    const [head, body] = [table.tHead.rows[0], table.tBodies[0]];
    const rows = [...body.rows];
    const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
    [...head.cells].forEach((cell, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...cell.childNodes);
      cell.append(button);
      button.addEventListener("click", () => {
        const up = cell.ariaSort !== "ascending";
        for (const other of head.cells) other.removeAttribute("aria-sort");
        cell.setAttribute("aria-sort", up ? "ascending" : "descending");
        const key = (row) => row.cells[column].dataset.sort ?? value(row.cells[column]).trim();
        const keys = new Map(rows.map((row) => [row, key(row)]));
        body.append(...rows.toSorted((a, b) => (up ? 1 : -1) * compare(keys.get(a), keys.get(b))));
      });
    });
    const form = document.querySelector(`form[data-table="${table.id}"]`);
    const matches = (row) =>
      [...form.querySelectorAll("select")].every(
        (select) => !select.value || row.dataset[select.name] === select.value,
      ) &&
      form.elements.search.value.toLowerCase().split(/\s+/).every((word) => texts.get(row).includes(word));
    const apply = () => {
      for (const row of rows) row.hidden = !matches(row);
      const shown = rows.filter((row) => !row.hidden).length;
      form.querySelector("output").textContent =
        `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} shown`;
    };
    form.hidden = false;
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(apply));
    addEventListener("pageshow", apply);
    form.querySelector("[data-save]").addEventListener("click", () => {
      const lines = [head, ...body.rows]
        .filter((row) => !row.hidden)
        .map((row) => [...row.cells].map((cell) => quoted(value(cell).trim())).join(","));
      save(`${table.id.replace("table-", "")}.csv`, "text/csv", "\ufeff" + lines.join("\r\n") + "\r\n");
    });
    reveals.push((target) => {
      if (!body.contains(target)) return;
      if (target.hidden) {
        form.reset();
        apply();
      }
      target.scrollIntoView({ block: "center" });
      target.focus({ preventScroll: true });
    });
    apply();
  }
  const reveal = () => {
    const target = document.querySelector(":target") ?? document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (const show of reveals) show(target);
  };
  addEventListener("hashchange", reveal);
  const everything = document.getElementById("save");
  everything.hidden = false;
  everything.addEventListener("click", () =>
    save("coverage.json", "application/json", document.getElementById("data").textContent),
  );
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });
}
