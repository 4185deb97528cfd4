// Ask the signing tool on this computer for a signature, and send what it answers.
// The tool is found at the addresses in data-tools, tried in turn; texts are in the page.

const form = document.querySelector("[data-sign]");
const PATIENCE = 130_000;

function show(state) {
  for (const text of form.querySelectorAll("[data-state]")) {
    text.hidden = text.dataset.state !== state;
  }
}

function known(code) {
  return form.querySelector(`[data-state="${CSS.escape(code)}"]`) ? code : "token_error";
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

async function sign() {
  show("waiting");
  const permission = await mayAsk();
  if (permission === "denied") {
    show("denied");
    return;
  }
  for (const tool of form.dataset.tools.split(" ").filter(Boolean)) {
    let answer;
    try {
      answer = await ask(tool);
    } catch {
      continue;
    }
    if (answer.code === "pin_incorrect" && answer.pin_state === "final_try") {
      show("pin_final_try");
    } else if (answer.code) {
      show(known(answer.code));
    } else {
      form.elements.token.value = JSON.stringify(answer);
      form.submit();
    }
    return;
  }
  show((await mayAsk()) === "denied" ? "denied" : "absent");
}

sign();
