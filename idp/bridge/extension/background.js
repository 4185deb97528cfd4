// Between the extension and the signing tool: one native process for each question.
// The origin is the sender's, as the browser knows it. What a page says about itself is not read.

const HOST = "vn.dichvucong.signing_tool";

function originOf(sender) {
  // A frame of somebody else inside the page is not the page.
  if (sender.id !== chrome.runtime.id || !sender.tab || sender.frameId !== 0) return null;
  const origin = sender.origin ?? new URL(sender.url).origin;
  return origin === "null" ? null : origin;
}

function fromTool(answer) {
  if (!answer.error) return answer;
  const { message: code, pin_state } = answer.error;
  return pin_state ? { code, pin_state } : { code };
}

function ask(origin, challengeNonce) {
  return new Promise((resolve) => {
    const tool = chrome.runtime.connectNative(HOST);
    let isThere = false;
    tool.onMessage.addListener((message) => {
      if (isThere) {
        resolve(fromTool(message));
        tool.disconnect();
      } else {
        isThere = true; // the first message is the tool's version
        tool.postMessage({ command: "authenticate", arguments: { origin, challengeNonce } });
      }
    });
    tool.onDisconnect.addListener(() => {
      void chrome.runtime.lastError;
      resolve({ code: isThere ? "token_error" : "absent" });
    });
  });
}

chrome.runtime.onMessage.addListener((asked, sender, answer) => {
  const origin = originOf(sender);
  const nonce = asked?.challengeNonce;
  if (origin === null || typeof nonce !== "string" || nonce.length > 128) {
    answer({ code: "invalid_argument" });
    return false;
  }
  ask(origin, nonce).then(answer);
  return true;
});
