// What can be done with an answer, or with all of them: copy, export, judge.
const talk = { id: "", exchanges: [], verdicts: {}, explained: [] };
const exchangeOf = (element) => {
  const shown = element.closest(".nq-exchange");
  return [shown, talk.exchanges[exchangesShown().indexOf(shown)]];
};

const copied = async (text) => {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(() => true, () => false);
  }
  // Browsers have no clipboard for pages that come without TLS from elsewhere.
  const box = made("textarea", text, { class: "nq-unseen" });
  document.body.append(box);
  box.select();
  const done = document.execCommand("copy");
  box.remove();
  return done;
};
onClick(".nq-copy", async (button) => {
  const done = await copied(exchangeOf(button)[1].markdown);
  button.textContent = done ? "Copied" : "Not copied";
  announce(done ? "Copied as Markdown." : "The browser does not let this page copy.");
  button.focus();
  setTimeout(() => { button.textContent = "Copy as Markdown"; }, 2000);
});

const download = (name, kind, text) => {
  const address = URL.createObjectURL(new Blob([text], { type: kind }));
  made("a", "", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
};
const exports = () => document.querySelector(".nq-exports");
const leaveExports = () => {
  if (exports().contains(document.activeElement)) exports().firstChild.focus();
  exports().open = false;
};
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && exports().open) leaveExports();
});
document.addEventListener("click", (event) => {
  if (exports().open && !exports().contains(event.target)) leaveExports();
});
const exported = {
  // As `conversation_markdown` does it.
  md: () => ["text/markdown", [
    `# Questions to the notes, ${new Date().toLocaleDateString("sv")}\n`,
    ...talk.exchanges.map((one) => one.markdown),
  ].join("\n")],
  json: () => ["application/json", JSON.stringify(
    talk.exchanges.map(({ question, record, failed, within, id }) => record
      ? { ...record, within, id, verdict: talk.verdicts[id] ?? null }
      : { question, error: failed, within }), null, 2)],
};
onClick(".nq-export", (button) => {
  leaveExports();
  download(`notesqa-conversation.${button.value}`, ...exported[button.value]());
  announce("The conversation was exported.");
});

const judge = async (id, verdict, reason) => {
  const said = await fetch("/api/v1/feedback", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ question: id, verdict, reason }),
  }).catch(() => null);
  if (said?.ok) return true;
  problem(said?.status === 401 ? SIGNED_OUT : "What you said of the answer could not be kept.");
  return false;
};
const showVerdicts = () => exchangesShown().forEach((shown, number) => {
  const id = talk.exchanges[number]?.id;
  const verdict = talk.verdicts[id];
  const reason = shown.querySelector(".nq-reason");
  if (reason) reason.hidden = !verdict || talk.explained.includes(id);
  shown.querySelectorAll(".nq-judge").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.value === verdict));
  });
});
onClick(".nq-judge", async (button) => {
  const [, { id }] = exchangeOf(button);
  const verdict = talk.verdicts[id] === button.value ? null : button.value;
  if (!await judge(id, verdict, "")) return;
  if (verdict) talk.verdicts[id] = verdict;
  else delete talk.verdicts[id];
  talk.explained = talk.explained.filter((one) => one !== id);
  showVerdicts();
  keepTalk();
  announce(verdict ? "Noted. You can say why." : "Taken back.");
});
document.addEventListener("submit", async (event) => {
  if (!event.target.matches(".nq-reason")) return;
  event.preventDefault();
  const form = event.target;
  const [shown, { id }] = exchangeOf(form);
  if (!await judge(id, talk.verdicts[id], form.elements.reason.value)) return;
  talk.explained.push(id);
  keepTalk();
  showVerdicts();
  form.reset();
  announce("Thank you: your reason is kept with the question.");
  shown.querySelector(".nq-judge[aria-pressed=true]").focus();
});
