// Between a page and the extension. It stands only in pages of the sites in the manifest and
// carries a question in and an answer out; it never says who asks: the browser does.

const tell = (id, answer) => window.postMessage({ from: "signing-tool", id, answer }, origin);

window.addEventListener("message", async (event) => {
  const asked = event.data;
  if (event.source !== window || asked?.to !== "signing-tool") return;
  try {
    tell(asked.id, await chrome.runtime.sendMessage({ challengeNonce: asked.challengeNonce }));
  } catch {
    tell(asked.id, { code: "absent" }); // the extension was removed while the page was open
  }
});

document.documentElement.dataset.signingTool = chrome.runtime.getManifest().version;
