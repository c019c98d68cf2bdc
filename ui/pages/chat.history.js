// Conversations in the browser's own storage, those of who is signed in and of nobody else. Where
// the browser has no storage, as in some private windows, all else works.
const MOST_TALKS = 30;
const MOST_CHARS = 2_500_000;
const MOST_SENT_BYTES = 950_000;
const ALL_TALKS = "notesqa:conversations:";
let talksOf = null; // until it is known who is signed in

const readTalks = () => {
  try {
    const found = JSON.parse(localStorage.getItem(talksOf));
    return Array.isArray(found) ? found.filter((one) => Array.isArray(one?.exchanges)) : [];
  } catch { return []; }
};
const writeTalks = (talks) => {
  for (let few = talks.slice(0, MOST_TALKS); ; few = few.slice(0, -1)) {
    const text = JSON.stringify(few);
    if (few.length > 1 && text.length > MOST_CHARS) continue;
    try {
      if (few.length) localStorage.setItem(talksOf, text);
      else localStorage.removeItem(talksOf);
      return;
    } catch { if (few.length === 0) return; }
  }
};
const remember = (id) => {
  try { sessionStorage.setItem("notesqa:conversation", id); } catch { /* it is not opened again */ }
};
const remembered = () => {
  try { return sessionStorage.getItem("notesqa:conversation"); } catch { return null; }
};

const freshTalk = () => {
  Object.assign(talk, { id: `${Date.now()}-${Math.random()}`, exchanges: [], verdicts: {}, explained: [] });
};
freshTalk();
const keepTalk = () => {
  if (!talk.exchanges.length || talksOf === null) return;
  const exchanges = talk.exchanges.map(({ markdown, sure, ...one }) => one);
  const { id, verdicts, explained } = talk;
  const now = { id, changed: new Date().toISOString(), verdicts, explained, exchanges };
  writeTalks([now, ...readTalks().filter((one) => one.id !== talk.id)]);
  remember(talk.id);
};
const newTalk = () => {
  freshTalk();
  remember("");
  byId("nq-clear").click();
};

let given = "[]";
let givenBack = []; // the server tells where an exchange stood in it, and what it lacked
const whole = ({ of, ...one }) => of === undefined ? one : { ...givenBack[of], ...one };
const openTalk = (chosen) => {
  let sent = chosen.exchanges.slice();
  const bytes = () => new Blob([JSON.stringify(given = JSON.stringify(sent))]).size;
  while (bytes() > MOST_SENT_BYTES) sent = sent.slice(1);
  const explained = Array.isArray(chosen.explained) ? [...chosen.explained] : [];
  const verdicts = { ...chosen.verdicts };
  Object.assign(talk, { id: String(chosen.id), exchanges: [], verdicts, explained });
  byId("nq-restore").click();
};

const pastTalks = made("dialog", "", { id: "nq-history", "aria-labelledby": "nq-history-name" });
document.body.append(pastTalks);
// The second click deletes, unless the focus went elsewhere.
const forgetAll = (talks) => {
  const button = made("button", "Delete all", { type: "button" });
  const asks = (on) => { button.textContent = on ? "Really delete all" : "Delete all"; };
  button.addEventListener("click", () => {
    if (button.textContent === "Delete all") asks(true);
    else forgetTalks(talks);
  });
  button.addEventListener("blur", () => asks(false));
  return button;
};
const showTalks = () => {
  const talks = readTalks();
  const close = made("button", "Close", { type: "button" });
  close.addEventListener("click", () => pastTalks.close());
  const none = talks.length ? [] : [made("p", "No conversation is kept in this browser.")];
  const list = made("ul", "");
  for (const one of talks) {
    const item = made("li", "");
    const title = String(one.exchanges[0]?.question ?? "");
    const open = made("button", title.slice(0, 120), { type: "button", class: "nq-talk" });
    open.addEventListener("click", () => { pastTalks.close(); openTalk(one); });
    const when = new Date(one.changed);
    const count = `${one.exchanges.length} question${one.exchanges.length === 1 ? "" : "s"}`;
    const date = made("time", `${Number.isNaN(+when) ? "" : when.toLocaleString()}, ${count}`);
    const remove = made("button", "Delete", { type: "button", "aria-label": `Delete: ${title}` });
    remove.addEventListener("click", () => forgetTalks([one]));
    item.append(open, date, remove);
    list.append(item);
  }
  const ends = made("p", "", { class: "nq-ends" });
  ends.append(close, ...(talks.length ? [forgetAll(talks)] : []));
  const name = made("h2", "Earlier conversations", { id: "nq-history-name", tabindex: "-1" });
  const note = made("p", "They are kept in this browser only.", { class: "nq-near" });
  pastTalks.replaceChildren(name, note, ...none, list, ends);
  if (!pastTalks.open) pastTalks.showModal();
  name.focus();
};
const forgetTalks = (gone) => {
  const ids = gone.map((one) => one.id);
  writeTalks(readTalks().filter((one) => !ids.includes(one.id)));
  if (ids.includes(talk.id)) newTalk();
  showTalks();
  announce(gone.length === 1 ? "The conversation was deleted." : "All conversations were deleted.");
};
onClick("#nq-past", showTalks);
onClick("#nq-new", () => {
  newTalk();
  document.querySelector("#nq-question textarea").focus();
});

const beginHistory = (user) => {
  talksOf = ALL_TALKS + (user ?? "");
  try {
    // What somebody else left in this browser is not theirs who sit here now.
    Object.keys(localStorage)
      .filter((key) => key.startsWith(ALL_TALKS) && key !== talksOf)
      .forEach((key) => localStorage.removeItem(key));
  } catch { /* no storage */ }
  if (talk.exchanges.length) return keepTalk();
  const last = readTalks().find((one) => one.id === remembered());
  if (last) openTalk(last);
};
