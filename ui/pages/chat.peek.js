// What a citation quotes, or a confidence means, beside what is pointed at or has the focus. It can
// be pointed at itself, Escape dismisses it, and it never covers what it belongs to.
const peek = made("div", "", { id: "nq-peek", role: "tooltip" });
peek.hidden = true;
document.body.append(peek);
let peeked = null;
let leaving = 0;

const hidePeek = () => {
  clearTimeout(leaving);
  peeked?.removeAttribute("aria-describedby");
  peeked = null;
  peek.hidden = true;
};

const showPeek = (target) => {
  clearTimeout(leaving);
  if (peeked === target) return;
  hidePeek();
  const words = target.parentElement.querySelector(".nq-words");
  peek.replaceChildren(...[...words.childNodes].map((node) => node.cloneNode(true)));
  peeked = target;
  target.setAttribute("aria-describedby", peek.id);
  peek.hidden = false;
  const at = target.getBoundingClientRect();
  const [above, below] = [at.top - 12, window.innerHeight - at.bottom - 12];
  peek.style.maxHeight = `${Math.max(above, below)}px`;
  const height = peek.offsetHeight;
  const top = height <= below || below >= above ? at.bottom + 4 : at.top - height - 4;
  const left = Math.min(at.left, window.innerWidth - peek.offsetWidth - 8);
  peek.style.top = `${top}px`;
  peek.style.left = `${Math.max(8, left)}px`;
};

const peekTarget = (event) => {
  const holder = event.target.closest?.("#nq-chat .nq-peek");
  return holder && event.target.closest("a, button");
};
const leaveSoon = () => {
  clearTimeout(leaving);
  leaving = setTimeout(hidePeek, 250);
};

document.addEventListener("pointerover", (event) => {
  if (event.pointerType !== "mouse") return;
  const target = peekTarget(event);
  if (target) showPeek(target);
  else if (peek.contains(event.target)) clearTimeout(leaving);
  else if (peeked && peeked !== document.activeElement) leaveSoon();
});
document.addEventListener("focusin", (event) => {
  const target = peekTarget(event);
  if (target?.matches(":focus-visible")) showPeek(target);
  else if (peeked) hidePeek();
});
document.addEventListener("focusout", (event) => { if (event.target === peeked) hidePeek(); });
document.addEventListener("scroll", (event) => {
  if (peeked && !peek.contains(event.target)) hidePeek();
}, true);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && peeked) {
    hidePeek();
    event.stopPropagation();
  }
}, true);
onClick(".nq-level", showPeek);
onClick("a[target=nq-source]", hidePeek);
