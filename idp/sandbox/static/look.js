// Asks whether a part of the page has something new to show, and puts it there: what is typed
// elsewhere on the page stays. Without this module the kiosk's page comes again by itself.

const place = document.querySelector("[data-look]");

const renew = async () => {
  const answer = await fetch(location.href, { credentials: "same-origin" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[data-look]");
  if (!fresh) {
    location.assign(location.pathname);
    return;
  }
  document.title = page.title;
  Object.assign(place.dataset, fresh.dataset);
  place.replaceChildren(...fresh.childNodes);
};

const look = async () => {
  try {
    const answer = await fetch(place.dataset.look, { credentials: "same-origin" });
    const { state } = await answer.json();
    if (state !== place.dataset.state) await renew();
  } catch {
    // The next look may succeed.
  }
  setTimeout(look, Number(place.dataset.every) * 1000);
};

if (place) setTimeout(look, Number(place.dataset.every) * 1000);
