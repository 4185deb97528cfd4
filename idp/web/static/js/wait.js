// Look every two seconds whether the phone has answered; the address decides what comes next.

const place = document.querySelector("[data-wait]");
const EVERY = 2000;
const waiting = place.textContent;

async function look() {
  try {
    const answer = await fetch(place.dataset.wait, {
      headers: { Accept: "application/json" },
      cache: "no-store",
    });
    const { next, told } = await answer.json();
    if (next) {
      location.assign(next);
      return;
    }
    // Said once, not at each look: a live region that is set anew is read anew.
    const said = told ?? waiting;
    if (place.textContent !== said) {
      place.textContent = said;
    }
  } catch {
    // The network was away for a moment; the next look may find it.
  }
  setTimeout(look, EVERY);
}

setTimeout(look, EVERY);
