// The source beside the chat: who opened it by keyboard goes there and comes back; on a narrow
// screen it lies over the chat until it is left.
let opener = null;

onClick("a[target=nq-source]", (link, event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  opener = link;
  const alone = new URL(link.href);
  alone.searchParams.delete("beside");
  byId("nq-tab").href = alone.href;
  document.querySelector("#nq-beside iframe").removeAttribute("tabindex");
  byId("nq-page").classList.add("nq-reading");
  if (event.detail === 0 || isNarrow()) byId("nq-beside").focus();
});

const leaveSource = () => {
  byId("nq-page").classList.remove("nq-reading");
  const back = opener?.isConnected ? opener : exchangesShown().at(-1) ?? byId("nq-ask");
  back.focus();
};
onClick("#nq-back", leaveSource);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.closest?.("#nq-beside")) leaveSource();
});

const skips = made("div", "", { class: "nq-skips" });
const skipTo = (name, id, find) => {
  const link = made("a", name, { href: `#${id}` });
  link.addEventListener("click", (event) => {
    event.preventDefault();
    find()?.focus();
  });
  skips.append(link);
};
skipTo("Skip to the question", "nq-question", () => document.querySelector("#nq-question textarea"));
skipTo("Skip to the newest answer", "nq-chat", () => exchangesShown().at(-1));
skipTo("Skip to the source", "nq-beside", () => byId("nq-beside"));
document.body.prepend(skips);

// No style sheet can tell that the focus is in a frame.
const showInside = () => {
  byId("nq-beside")?.classList.toggle("nq-inside", document.activeElement?.name === "nq-source");
};
window.addEventListener("blur", showInside);
window.addEventListener("focus", showInside);
