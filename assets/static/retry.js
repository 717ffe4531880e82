/*
 * A page that says "not now" asks whether it would be another by now, and loads
 * itself again only then: nobody who reads it is thrown back to its beginning.
 * Without this script its link does it.
 */
"use strict";
(() => {
  const note = document.querySelector("[data-retry]");
  const again = () => setTimeout(ask, note.dataset.retry * 1000);
  const ask = () =>
    fetch(location.href, { method: "HEAD", redirect: "manual", cache: "no-store" })
      .then((answer) => (answer.status < 500 ? location.reload() : again()), again);
  note.hidden = false;
  again();
})();
