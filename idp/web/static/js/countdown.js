// Counts down the life of a code and the wait before the next one. The server decides both;
// this only says it. Spoken at 60, 30 and 10 seconds and at the end, never every second.

const SPOKEN = new Set([60, 30, 10, 0]);
const started = performance.now();
const passed = () => Math.floor((performance.now() - started) / 1000);

const words = (template, seconds) =>
  template
    .replace("{minutes}", Math.floor(seconds / 60).toString())
    .replace("{seconds}", (seconds % 60).toString())
    .replace("{total}", seconds.toString());

const life = document.querySelector("[data-expires-in]");
const spoken = document.querySelector("[data-countdown-status]");
const resend = document.querySelector("[data-resend-in]");
const wait = document.getElementById("resend-wait");

const text = (place, seconds) =>
  seconds > 0 ? words(place.dataset.left, seconds) : place.dataset.over;

// The button stays in reach and says why it does nothing yet, instead of being disabled.
const holdResend = (seconds) => {
  if (seconds > 0) resend.setAttribute("aria-disabled", "true");
  else resend.removeAttribute("aria-disabled");
  wait.textContent = text(wait, seconds);
};

const tick = () => {
  const left = Math.max(0, Number(life.dataset.expiresIn) - passed());
  const waiting = Math.max(0, Number(resend.dataset.resendIn) - passed());
  life.textContent = text(life, left);
  holdResend(waiting);
  if (SPOKEN.has(left) && spoken.dataset.last !== left.toString()) {
    spoken.dataset.last = left.toString();
    spoken.textContent = life.textContent;
  }
  if (left > 0 || waiting > 0) setTimeout(tick, 1000);
};

resend.addEventListener("click", (event) => {
  if (resend.getAttribute("aria-disabled") === "true") {
    event.preventDefault();
    spoken.textContent = wait.textContent;
  }
});

if (Number(life.dataset.expiresIn) > 0 || Number(resend.dataset.resendIn) > 0) tick();
