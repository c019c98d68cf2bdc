// "Ask it alone" in an answer presses the page's hidden button, and says which answer it is in.
() => document.addEventListener("click", (event) => {
  const button = event.target.closest?.(".nq-alone");
  if (!button) return;
  const answers = [...document.querySelectorAll("#nq-chat .nq-answer, #nq-chat .nq-error")];
  window.notesqaAlone = answers.indexOf(button.closest(".nq-answer"));
  document.getElementById("nq-alone").click();
})
