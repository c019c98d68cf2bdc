// What the parts share: where things are, and what is said to screen readers.
const byId = (name) => document.getElementById(name);
const exchangesShown = () => [...document.querySelectorAll("#nq-chat .nq-exchange")];
const isNarrow = () => window.matchMedia("(max-width: 720px)").matches;
const made = (name, text, attributes = {}) => {
  const element = document.createElement(name);
  element.textContent = text;
  Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
  return element;
};
let announced = 0;
const announce = (text) => {
  const live = byId("nq-live");
  live.textContent = "";
  requestAnimationFrame(() => { live.textContent = text; });
  // It is heard once, and not met again where the page is read through.
  clearTimeout(announced);
  announced = setTimeout(() => { live.textContent = ""; }, 5000);
};
const onClick = (selector, act) => document.addEventListener("click", (event) => {
  const button = event.target.closest?.(selector);
  if (button) act(button, event);
});
