// Another picture without leaving the page, and the spoken captcha played in place.
// Without this module the button posts the form and the link opens the sound.

const status = document.querySelector("[data-captcha-status]");

for (const button of document.querySelectorAll("[data-captcha]")) {
  const picture = document.getElementById(button.dataset.captcha);
  const address = new URL(picture.src);
  button.addEventListener("click", (event) => {
    event.preventDefault();
    address.searchParams.set("new", Date.now().toString());
    picture.src = address.href;
    picture.addEventListener("load", () => { status.textContent = button.dataset.done; }, { once: true });
    status.textContent = "";
    const answer = document.getElementById("f-captcha");
    answer.value = "";
    answer.focus();
  });
}

// Played through Web Audio: the content policy has no media-src.
for (const link of document.querySelectorAll("[data-captcha-sound]")) {
  let playing = null;
  link.addEventListener("click", async (event) => {
    event.preventDefault();
    playing?.stop();
    const player = new AudioContext();
    const answer = await fetch(link.href, { credentials: "same-origin" });
    if (!answer.ok) {
      open(link.href, "_blank", "noopener");
      return;
    }
    playing = player.createBufferSource();
    playing.buffer = await player.decodeAudioData(await answer.arrayBuffer());
    playing.connect(player.destination);
    playing.addEventListener("ended", () => player.close());
    playing.start();
    document.getElementById("f-captcha").focus();
  });
}
