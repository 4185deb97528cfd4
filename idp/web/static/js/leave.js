// Goes on to the portal once every portal in a frame has been told, or after three seconds.

const link = document.querySelector("a[data-go-on]");
let gone = false;

function goOn() {
  if (link && !gone) {
    gone = true;
    location.assign(link.href);
  }
}

if (document.readyState === "complete") {
  goOn();
} else {
  addEventListener("load", goOn);
  setTimeout(goOn, 3000);
}
