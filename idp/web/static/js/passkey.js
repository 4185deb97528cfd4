// Let the browser make or use a passkey, and send what it answers. Texts are in the page.

const form = document.querySelector("[data-sign]");
const options = JSON.parse(form.dataset.options);
const makes = "rp" in options;

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (sign) => sign.charCodeAt(0));
}

function text(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function tell(state) {
  const told = form.querySelector(`template[data-state="${CSS.escape(state)}"]`);
  form.querySelector("[data-waiting]").hidden = true;
  form.querySelector("[data-alert]").replaceChildren(told.content.cloneNode(true));
}

function asked() {
  // Written out, since older browsers do not read the JSON of options themselves.
  const read = { ...options, challenge: bytes(options.challenge) };
  const named = (list) => (list ?? []).map((each) => ({ ...each, id: bytes(each.id) }));
  if (!makes) {
    return { publicKey: { ...read, allowCredentials: named(options.allowCredentials) } };
  }
  const user = { ...options.user, id: bytes(options.user.id) };
  return { publicKey: { ...read, user, excludeCredentials: named(options.excludeCredentials) } };
}

function answered(credential) {
  const { response } = credential;
  const parts = makes
    ? { attestationObject: text(response.attestationObject) }
    : {
        authenticatorData: text(response.authenticatorData),
        signature: text(response.signature),
        userHandle: response.userHandle ? text(response.userHandle) : null,
      };
  return JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    clientExtensionResults: {},
    response: { clientDataJSON: text(response.clientDataJSON), ...parts },
  });
}

async function sign() {
  if (!navigator.credentials || !window.PublicKeyCredential) {
    tell("passkey_unknown");
    return;
  }
  form.querySelector("[data-waiting]").hidden = false;
  try {
    const credential = makes
      ? await navigator.credentials.create(asked())
      : await navigator.credentials.get(asked());
    form.elements.token.value = answered(credential);
    form.submit();
  } catch (error) {
    const states = { InvalidStateError: "passkey_there", NotAllowedError: "passkey_refused" };
    tell(states[error.name] ?? "passkey_failed");
  }
}

sign();
