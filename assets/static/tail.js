/*
 * The page that follows the audit trail.
 *
 *   every 2 s   POST data-address {token, after} ─▶ {events, count, more, last, token}
 *               ─▶ events is the lines to put on top, as the page itself has them
 *   refused     the session has ended, or the role is gone: say so, and stop
 *   no answer   say so, and try again, less and less often
 *
 * The token stands in the page and nowhere else: with it alone a script is told
 * anything. Nothing is asked while nobody looks.
 */
"use strict";
(() => {
  const tail = document.getElementById("tail");
  const list = tail.querySelector(".trail");
  const state = document.getElementById("tail-state");
  const said = document.getElementById("tail-said");
  const nothing = document.getElementById("tail-nothing");
  const pause = document.getElementById("tail-pause");

  const often = 2000; // milliseconds between two questions
  const seldom = 30000; // and at most, where there is no answer
  const tooLong = 10 * 60000; // without a question: the token may be old by then
  const mostLines = 500;

  let { token, last } = tail.dataset;
  let wait = often;
  let timer = 0;
  let asking = false;
  let ended = false;
  let paused = false;
  let asked = Date.now();

  // The page says what changes, once: a screen reader reads it aloud.
  function say(sentence) {
    if (state.textContent !== sentence) state.textContent = sentence;
  }

  class Refusal extends Error {}

  async function ask() {
    const answer = await fetch(tail.dataset.address, {
      method: "POST", cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(10000),
      headers: { Accept: "application/json", "Content-Type": "application/json" },
      body: JSON.stringify({ token, after: Number(last) }),
    });
    const told = await answer.json();
    if (answer.status === 401) throw new Refusal("You are signed out: sign in, and load this page again.");
    if (answer.status === 403) throw new Refusal(told.error.message);
    if (!answer.ok) throw new Error(told.error.message);
    return told;
  }

  function show(told) {
    ({ token, last } = told);
    if (told.count === 0) return;
    // The server wrote these lines as it wrote the page's: names in them are text.
    const page = new DOMParser().parseFromString(told.events, "text/html");
    const lines = Array.from(page.querySelectorAll("ol > li"));
    list.querySelectorAll(".fresh").forEach((line) => line.classList.remove("fresh"));
    lines.forEach((line) => line.classList.add("fresh"));
    list.querySelector(".trail-head").after(...lines);
    Array.from(list.children).slice(mostLines + 1).forEach((line) => line.remove());
    nothing.hidden = true;
    said.textContent = (told.count === 1 ? "1 new event." : told.count + " new events.") +
      (told.more ? " There were more than these: the trail has them all." : "");
    if (told.more) say("More happened at once than is shown here. The trail has it all.");
  }

  function sentence(error) {
    if (error instanceof Refusal) return "Nothing more appears here. " + error.message;
    return "Disconnected. Trying again; what happens meanwhile will appear then.";
  }

  async function look() {
    timer = 0;
    if (asking || ended || paused || document.hidden) return;
    asking = true;
    try {
      const told = await ask();
      asked = Date.now();
      wait = often;
      say("Following since the page was opened.");
      show(told);
    } catch (error) {
      ended = error instanceof Refusal;
      wait = Math.min(wait * 2, seldom);
      say(sentence(error));
      if (ended) pause.hidden = true;
    } finally {
      asking = false;
      next(wait);
    }
  }

  function next(after) {
    if (!timer && !ended) timer = setTimeout(look, after);
  }

  // goOn looks at once. Whoever was away for long gets a new page, with a new token.
  function goOn() {
    if (ended || paused || document.hidden) return;
    if (Date.now() - asked > tooLong) return location.reload();
    clearTimeout(timer);
    timer = 0;
    look();
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    if (paused) say("Paused: nothing new appears until you go on.");
    goOn();
  });
  document.addEventListener("visibilitychange", goOn);
  window.addEventListener("online", goOn);
  say("Following since the page was opened.");
  next(often);
})();
