// Ask the signing tool on this computer for a signature, and send what it answers.
// The tool is found at the addresses in data-tools, tried in turn; texts are in the page.

const form = document.querySelector("[data-sign]");
const PATIENCE = 130_000;

function template(state) {
  return form.querySelector(`template[data-state="${CSS.escape(state)}"]`);
}

function wait() {
  form.querySelector("[data-waiting]").hidden = false;
}

function tell(state) {
  // What is put into an alert is spoken; what was hidden in it before would not be.
  const text = template(state) ?? template("token_error");
  form.querySelector("[data-waiting]").hidden = true;
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
  wait();
  const permission = await mayAsk();
  if (permission === "denied") {
    tell("denied");
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
      tell("pin_final_try");
    } else if (answer.code === "pin_incorrect" && answer.pin_state === "locked") {
      tell("pin_locked");
    } else if (answer.code) {
      tell(answer.code);
    } else {
      form.elements.token.value = JSON.stringify(answer);
      form.submit();
    }
    return;
  }
  tell((await mayAsk()) === "denied" ? "denied" : "absent");
}

sign();
