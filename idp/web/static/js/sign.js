// Ask the signing tool on this computer for a signature, and send what it answers.
// The tool is asked through the browser's extension where that is installed, else at the
// addresses in data-tools, tried in turn; texts are in the page.

const form = document.querySelector("[data-sign]");
const opening = document.querySelector("[data-opening]");
const PATIENCE = 130_000;

function template(state) {
  return form.querySelector(`template[data-state="${CSS.escape(state)}"]`);
}

function wait() {
  opening?.toggleAttribute("hidden", false);
  form.querySelector("[data-waiting]").hidden = false;
}

function warn(isAsked) {
  form.querySelector("[data-asks]")?.toggleAttribute("hidden", !isAsked);
}

function tell(state) {
  // What is put into an alert is spoken; what was hidden in it before would not be.
  const text = template(state) ?? template("token_error");
  opening?.toggleAttribute("hidden", true); // what it says about the window is not so
  form.querySelector("[data-waiting]").hidden = true;
  warn(false);
  form.querySelector("[data-alert]").replaceChildren(text.content.cloneNode(true));
}

async function mayAsk() {
  // Newer browsers ask the person before a page may reach a program on the computer.
  for (const name of ["loopback-network", "local-network-access"]) {
    try {
      const permission = await navigator.permissions.query({ name });
      return permission.state;
    } catch {
      // A browser that does not know this permission does not demand it.
    }
  }
  return "granted";
}

function askExtension() {
  // The extension's script marks the pages that it serves before this one runs.
  if (!document.documentElement.dataset.signingTool) return { code: "absent" };
  return new Promise((resolve) => {
    const id = crypto.randomUUID();
    const end = (answer) => {
      window.removeEventListener("message", hear);
      clearTimeout(timer);
      resolve(answer);
    };
    const hear = ({ source, data }) => {
      if (source === window && data?.from === "signing-tool" && data.id === id) end(data.answer);
    };
    const timer = setTimeout(end, PATIENCE, { code: "user_cancelled" });
    window.addEventListener("message", hear);
    const challengeNonce = form.dataset.nonce;
    window.postMessage({ to: "signing-tool", id, challengeNonce }, location.origin);
  });
}

async function ask(tool) {
  const answer = await fetch(`${tool}/authenticate`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ challengeNonce: form.dataset.nonce }),
    credentials: "omit",
    cache: "no-store",
    signal: AbortSignal.timeout(PATIENCE),
  });
  return answer.json();
}

function take(answer) {
  if (answer.code === "pin_incorrect" && answer.pin_state === "final_try") {
    tell("pin_final_try");
  } else if (answer.code === "pin_incorrect" && answer.pin_state === "locked") {
    tell("pin_locked");
  } else if (answer.code) {
    tell(answer.code);
  } else {
    form.elements.token.value = JSON.stringify(answer);
    form.submit();
  }
}

async function sign() {
  wait();
  const answer = await askExtension();
  if (answer.code === "absent") await askPrograms();
  else take(answer);
}

async function askPrograms() {
  const permission = await mayAsk();
  if (permission === "denied") {
    tell("denied");
    return;
  }
  warn(permission === "prompt");
  const tools = form.dataset.tools.split(" ").filter(Boolean);
  for (const tool of tools) {
    try {
      take(await ask(tool));
      return;
    } catch (error) {
      if (error.name === "TimeoutError") {
        tell("user_cancelled"); // the tool is there, and nobody answered it
        return;
      }
      // Nobody there, or nobody for this page: the next address.
    }
  }
  if ((await mayAsk()) === "denied") tell("denied");
  else tell((await isThere(tools)) ? "origin_not_allowed" : "absent");
}

async function isThere(tools) {
  // A tool that serves other sites lets this page read nothing, not even its no.
  for (const tool of tools) {
    try {
      await fetch(tool, { mode: "no-cors", credentials: "omit", signal: AbortSignal.timeout(5000) });
      return true;
    } catch {
      // The next one.
    }
  }
  return false;
}

sign();
