// Shows and masks a password. A real checkbox: its state is announced. Masked again when sent.

for (const box of document.querySelectorAll("[data-reveal]")) {
  const input = document.getElementById(box.dataset.reveal);
  const mask = () => {
    input.type = box.checked ? "text" : "password";
  };
  box.closest("label").hidden = false;
  box.addEventListener("change", mask);
  input.form.addEventListener("submit", () => {
    box.checked = false;
    mask();
  });
}
