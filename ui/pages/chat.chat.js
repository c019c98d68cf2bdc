// From a question to its answer. Gradio calls what stands in `window.notesqa`; the buttons in answers
// press hidden ones of the page.
let chosenText = null;
let chosen = [0, -1];
let lastNews = "";

const searching = (on) => {
  byId("nq-searching").hidden = !on;
  byId("nq-chat")?.setAttribute("aria-busy", String(on));
};
const sending = () => {
  problem(null);
  byId("nq-page").classList.remove("nq-reading");
  searching(true);
};

const EVERYWHERE = -2; // as the server counts
onClick(".nq-alone, .nq-suggestion, .nq-everywhere", (button) => {
  const [shown] = exchangeOf(button);
  const suggestions = [...shown.querySelectorAll(".nq-suggestion")];
  const offered = button.matches(".nq-everywhere") ? EVERYWHERE : suggestions.indexOf(button);
  chosen = [exchangesShown().indexOf(shown), offered];
  byId("nq-again").click();
});
onClick(".nq-example", (button) => {
  chosenText = button.textContent;
  byId("nq-send").click();
});

// A question that gets too long is counted, not cut.
const countChars = (box) => {
  const count = byId("nq-count");
  const [has, most] = [[...box.value].length, Number(count.dataset.most)];
  const [number, of] = [has.toLocaleString("en"), most.toLocaleString("en")];
  const said = `${number} of ${of} characters${has > most ? ": shorten the question to ask it." : ""}`;
  count.hidden = has <= 0.9 * most;
  if (has > most && !count.textContent.includes(":")) announce(said);
  count.textContent = said;
};
document.addEventListener("input", (event) => {
  if (event.target.matches?.("#nq-question textarea")) countChars(event.target);
});

const placeNews = ({ at, count, replaces, exchanges }) => {
  if (replaces) talk.exchanges.splice(at, 1, ...exchanges);
  else {
    const before = talk.exchanges.slice(talk.exchanges.length - at);
    // The server forgot what went before: this begins another conversation.
    if (before.length !== talk.exchanges.length && count < 30) freshTalk();
    talk.exchanges = [...before, ...exchanges];
  }
};

const sayNews = ({ record, failed, sure }) => {
  if (!record) return failed;
  if (record.reason !== null) return `${sure} ${record.reason}`;
  return `${record.sentences.map((one) => one.text).join(" ")} ${sure}.`;
};

const whenShown = (count, act, tries = 60) => {
  if (exchangesShown().length === count || !tries) act();
  else requestAnimationFrame(() => whenShown(count, act, tries - 1));
};

// Brings a question to the top of the conversation, its answer below it, and room below that, so that
// nothing above shows in part. What is new there has been announced; Gradio's log would have all of
// it read again.
const showAtTop = (number) => {
  const log = document.querySelector("#nq-chat [role=log]");
  log?.setAttribute("aria-live", "off");
  const rows = [...log?.querySelectorAll(".message-row") ?? []];
  const asked = rows.filter((row) => row.matches(".user-row"))[number];
  rows.forEach((row) => { row.style.marginBottom = ""; });
  if (!asked || log.scrollHeight <= log.clientHeight) return;
  const topOf = (element) => element.getBoundingClientRect().top;
  const above = topOf(asked) - topOf(log) + log.scrollTop;
  const lacking = log.clientHeight - (log.scrollHeight - above);
  rows.at(-1).style.marginBottom = `${Math.max(0, lacking)}px`;
  log.scrollTop = above;
};

window.notesqa = {
  asking(text) {
    const asked = chosenText ?? text;
    chosenText = null;
    sending();
    return [asked, byId("nq-within")?.value ?? ""];
  },
  pressed() {
    sending();
    return chosen;
  },
  giveBack() {
    sending();
    givenBack = JSON.parse(given);
    return [given];
  },
  arrived(said) {
    searching(false);
    if (said === lastNews) return;
    lastNews = said;
    const news = JSON.parse(said);
    news.exchanges = news.exchanges.map(whole);
    placeNews(news);
    byId("nq-page").classList.toggle("nq-talking", news.count > 0);
    keepTalk();
    const newest = news.replaces ? news.at : news.count - 1;
    if (newest >= 0 && news.exchanges.length) announce(sayNews(news.exchanges.at(-1)));
    whenShown(news.count, () => {
      document.querySelector("#nq-chat [role=log]")?.setAttribute("aria-label", "Conversation");
      countChars(document.querySelector("#nq-question textarea"));
      showVerdicts();
      showAtTop(newest);
    });
  },
  begin() {
    const first = document.querySelector("#nq-welcome .nq-first");
    putBackDraft();
    beginHistory(JSON.parse(first?.dataset.user ?? "null"));
  },
};
