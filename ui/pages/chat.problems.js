// What goes wrong between the page and its server, said in a plain line; Gradio's own messages are
// not shown.
const SIGNED_OUT = "signed out";
const AWAY = "The server cannot be reached. What you see is kept; ask again when it is back.";
let saidProblem = null;

const problem = (said) => {
  saidProblem = said;
  if (said) searching(false);
  if (said === AWAY) keepDraft();
  const line = byId("nq-problem");
  if (!line) return;
  line.hidden = !said;
  line.replaceChildren(said === SIGNED_OUT ? "You are signed out. " : said ?? "");
  if (said === SIGNED_OUT) line.append(made("a", "Sign in again", { href: "/sign-in" }));
};

// Gradio loads the page again once the server is back; the question is then where it was.
const DRAFT = "notesqa:question";
const keepDraft = () => {
  const box = document.querySelector("#nq-question textarea");
  try { if (box?.value) sessionStorage.setItem(DRAFT, box.value); } catch { /* no storage */ }
};
const putBackDraft = () => {
  const box = document.querySelector("#nq-question textarea");
  try {
    const draft = sessionStorage.getItem(DRAFT);
    sessionStorage.removeItem(DRAFT);
    if (!draft || box.value) return;
    box.value = draft;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  } catch { /* no storage */ }
};

const plainFetch = window.fetch;
window.fetch = async (...call) => {
  const address = new URL(call[0]?.url ?? call[0], location.href);
  if (!address.pathname.startsWith("/gradio_api/")) return plainFetch(...call);
  let answer;
  try {
    answer = await plainFetch(...call);
  } catch (error) {
    if (error.name !== "AbortError") problem(AWAY);
    throw error;
  }
  if (answer.ok) {
    if (saidProblem === AWAY) problem(null);
  } else if (answer.status === 401) {
    problem(SIGNED_OUT);
  } else if (answer.status === 429) {
    problem(`That was too often: try again in ${answer.headers.get("Retry-After") ?? 60} s.`);
  } else {
    const said = await answer.clone().json().catch(() => null);
    problem(said?.detail ?? "The server does not answer this; load the page again.");
  }
  return answer;
};
