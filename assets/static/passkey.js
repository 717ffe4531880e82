/*
 * Passkeys (WebAuthn) on our own pages: the one thing there that takes a script.
 *
 *   begin   POST data-begin ─▶ options ─▶ the browser asks the person
 *   finish  POST data-finish?next=…&name=…, the credential as JSON
 *           ─▶ {"location": "…"}: go there
 *           ─▶ {"error": {"message": "…"}}: say so beside the button
 *
 * A button has data-passkey="signin", "confirm", "factor" or "enrol", which makes
 * a new passkey. It stands in a block that is hidden until it is clear that this
 * browser can use passkeys; what is said instead goes then.
 */
"use strict";
(() => {
  if (!window.PublicKeyCredential || !navigator.credentials) return;

  // ---- JSON and bytes (WebAuthn §5.1.8 to §5.1.10) ------------------------------

  // Browsers of before 2025 turn neither options nor credentials into bytes and back.
  function bytes(text) {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (c) => c.charCodeAt(0));
  }

  function text(buffer) {
    const plain = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  const withBytes = (list) => list && list.map((known) => ({ ...known, id: bytes(known.id) }));

  function creation(o) {
    if (PublicKeyCredential.parseCreationOptionsFromJSON) return PublicKeyCredential.parseCreationOptionsFromJSON(o);
    const excludeCredentials = withBytes(o.excludeCredentials);
    return { ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) }, excludeCredentials };
  }

  function request(o) {
    if (PublicKeyCredential.parseRequestOptionsFromJSON) return PublicKeyCredential.parseRequestOptionsFromJSON(o);
    return { ...o, challenge: bytes(o.challenge), allowCredentials: withBytes(o.allowCredentials) };
  }

  // Some password managers put a credential of their own here, which has no
  // toJSON, or one that throws.
  function json(credential) {
    try {
      return JSON.stringify(credential.toJSON());
    } catch {
      return JSON.stringify(told(credential));
    }
  }

  function told({ id, rawId, type, authenticatorAttachment, response }) {
    const said = {};
    for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (response[part]) said[part] = text(response[part]);
    }
    if (response.getTransports) said.transports = response.getTransports();
    return { id, rawId: text(rawId), type, authenticatorAttachment, response: said, clientExtensionResults: {} };
  }

  // ---- Asking the server --------------------------------------------------------

  // A refusal carries a sentence for the person, or an address where they can
  // put it right.
  class Refusal extends Error {}

  async function ask(address, body) {
    const answer = await fetch(address, {
      method: "POST", cache: "no-store", credentials: "same-origin", body,
      headers: { Accept: "application/json", "Content-Type": "application/json" },
    });
    const said = await answer.json();
    if (!answer.ok && !said.location) throw new Refusal(said.error.message);
    return said;
  }

  function finishAddress({ finish, next, nameField }) {
    const address = new URL(finish, location.href);
    if (next) address.searchParams.set("next", next);
    if (nameField) address.searchParams.set("name", document.getElementById(nameField).value);
    return address;
  }

  // ---- The way ------------------------------------------------------------------

  async function go(button) {
    const data = button.dataset;
    const begun = await ask(data.begin, "{}");
    if (begun.location) return location.assign(begun.location);
    const options = begun.publicKey || begun;
    const credential = data.passkey === "enrol"
      ? await navigator.credentials.create({ publicKey: creation(options) })
      : await navigator.credentials.get({ publicKey: request(options) });
    const done = await ask(finishAddress(data), json(credential));
    location.assign(done.location);
  }

  const sentences = {
    NotAllowedError: "No passkey was used: it was cancelled, or took too long. Please try again.",
    AbortError: "No passkey was used: it was cancelled, or took too long. Please try again.",
    InvalidStateError: "This passkey is set up already.",
    SecurityError: "Passkeys do not work at this address.",
  };

  function sentence(error) {
    if (error instanceof Refusal && error.message) return error.message;
    return sentences[error.name] || "That did not work. Please try again.";
  }

  function prepare(block) {
    const button = block.querySelector("[data-passkey]");
    const alert = block.querySelector("[role=alert]");
    block.hidden = false;
    button.addEventListener("click", (event) => {
      event.preventDefault();
      if (button.ariaBusy === "true" || !button.form.reportValidity()) return;
      button.ariaBusy = "true";
      alert.textContent = "";
      go(button)
        .catch((error) => { alert.textContent = sentence(error); })
        .finally(() => { button.ariaBusy = "false"; });
    });
  }

  document.querySelectorAll("[data-passkey-missing]").forEach((instead) => { instead.hidden = true; });
  document.querySelectorAll("[data-passkey-block]").forEach(prepare);
})();
