/*
 * What makes our forms easier, and nothing that they need: a button that shows
 * a password while it is typed, and one that copies a text.
 */
"use strict";
(() => {
  function reveal(button) {
    const field = document.getElementById(button.dataset.reveal);
    const say = (shown) => {
      field.type = shown ? "text" : "password";
      button.firstElementChild.textContent = shown ? "Hide" : "Show";
    };
    button.hidden = false;
    button.addEventListener("click", () => say(field.type === "password"));
    // A password manager looks at the type, and the browser keeps texts for later.
    field.form.addEventListener("submit", () => say(false));
  }

  function copy(button) {
    const lines = Array.from(document.querySelectorAll(button.dataset.copy), (line) => line.textContent.trim());
    const said = document.getElementById(button.dataset.said);
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", () => {
      navigator.clipboard.writeText(lines.join("\n")).then(
        () => { said.textContent = "Copied."; },
        () => { said.textContent = "The browser did not allow it."; },
      );
    });
  }

  document.querySelectorAll("[data-reveal]").forEach(reveal);
  document.querySelectorAll("[data-copy]").forEach(copy);
})();
