// A form is sent once: a second press while the first is under way does nothing.
// Also closes notices, focuses the error summary where autofocus is for inputs only, and lets
// the space bar press a link that is called a button.

const sent = new WeakSet();

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  const form = event.target;
  if (sent.has(form)) {
    event.preventDefault();
    return;
  }
  sent.add(form);
  event.submitter?.setAttribute("aria-busy", "true");
});

const focusSummary = () => {
  if (document.activeElement === document.body) document.querySelector(".summary")?.focus();
};

// Coming back with the browser's back button shows the page as it was left.
addEventListener("pageshow", (event) => {
  setTimeout(focusSummary, 100);
  if (!event.persisted) return;
  for (const form of document.forms) sent.delete(form);
  for (const busy of document.querySelectorAll("[aria-busy]")) busy.removeAttribute("aria-busy");
});

for (const button of document.querySelectorAll("[data-dismiss]")) {
  button.hidden = false;
  button.addEventListener("click", () => button.parentElement.remove());
}

for (const link of document.querySelectorAll('a[role="button"]')) {
  link.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    link.click();
  });
}
