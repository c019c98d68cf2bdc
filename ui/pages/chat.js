// A question offered in an answer ("Ask it alone", or one to ask instead) presses the page's hidden
// button, and says which answer it is in and which of its suggestions it is, -1 for none.
() => document.addEventListener("click", (event) => {
  const button = event.target.closest?.(".nq-alone, .nq-suggestion");
  if (!button) return;
  const answer = button.closest(".nq-answer");
  const answers = [...document.querySelectorAll("#nq-chat .nq-answer, #nq-chat .nq-error")];
  const suggestions = [...answer.querySelectorAll(".nq-suggestion")];
  window.notesqaPressed = [answers.indexOf(answer), suggestions.indexOf(button)];
  document.getElementById("nq-alone").click();
})
