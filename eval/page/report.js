"use strict";
{
  const form = document.getElementById("filter");
  const blocks = [...document.querySelectorAll(".failure")];
  const texts = blocks.map((block) => block.textContent.toLowerCase());
  const matches = (block, text) => {
    const { reason, kind, document: place, search } = form.elements;
    return (
      (!reason.value || block.dataset.reason === reason.value) &&
      (!kind.value || block.dataset.kind === kind.value.slice(1)) &&
      (!place.value || block.dataset.documents.split(" ").includes(place.value)) &&
      search.value.toLowerCase().split(/\s+/).every((word) => text.includes(word))
    );
  };
  const apply = () => {
    blocks.forEach((block, i) => (block.hidden = !matches(block, texts[i])));
    const shown = blocks.filter((block) => !block.hidden).length;
    document.getElementById("shown").textContent =
      `${shown.toLocaleString("en")} of ${blocks.length.toLocaleString("en")} shown`;
    document.getElementById("nothing").hidden = shown > 0;
  };
  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target?.hidden) return;
    form.reset();
    apply();
    target.scrollIntoView();
  };
  if (form) {
    form.hidden = false;
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(apply));
    addEventListener("pageshow", apply);
    addEventListener("hashchange", reveal);
    apply();
  }
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.numbers:not([open])")];
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });
}
