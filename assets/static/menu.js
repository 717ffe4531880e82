/*
 * Dagpass in the page of Dagster's app. The proxy puts this script in front of
 * the app's own (dagster/page.go), so that it runs first.
 *
 *   forget   what the browser kept for somebody else, before the app reads it
 *   look     at /auth/me: who is it? ─▶ menu, notices
 *   beat     to /auth/activity: a person is at work, not only a polling tab
 *
 * The page is Dagster's. What belongs to React is neither moved nor changed: one
 * element of ours hangs in the navigation, and is put back where it gets lost.
 * Names come from identity providers: they go into the page as text only.
 */
"use strict";
(() => {
  const address = new URL(document.currentScript.src).pathname;
  const base = address.slice(0, address.lastIndexOf("/auth/assets/"));
  const plainFetch = window.fetch.bind(window); // the browser's own, before anybody wraps it
  const ask = (path, options) => plainFetch(base + "/auth" + path, { cache: "no-store", ...options });

  // ---- What the browser keeps ------------------------------------------------

  // The instance id is "person-access-id": two marks of ours before Dagster's
  // own. The app names most of its caches by it, but not all.
  const data = document.getElementById("initialization-data");
  const page = JSON.parse(data.textContent);
  const [, person, access, own] = /^([0-9a-f]{16})-([0-9a-f]{16})-(.*)$/.exec(page.instanceId);
  const mark = person + "-" + access;
  const lastOne = "dagpass" + base; // who was here last

  // soil gives up what is kept for a person: somebody else came, whose answers
  // an open tab of theirs may have kept, or may yet keep, under their names. So
  // the next page of theirs uses other names.
  const soiled = (whom) => "dagpass-soiled-" + whom;
  const soil = (whom) => keep(soiled(whom), Date.now());

  function keep(name, value) {
    try {
      localStorage.setItem(name, value);
    } catch {
      // It is full. What was not noted here is done again by the next page.
    }
  }

  function forget() {
    const former = localStorage.getItem(lastOne);
    const names = Object.keys(localStorage);
    if (former && !former.startsWith(person)) {
      // Drafts of the launchpad are a person's, whatever they may do today.
      const draft = (name) => name.startsWith("dagster.v2." + base + "-");
      names.filter(draft).forEach((name) => localStorage.removeItem(name));
      soil(former.slice(0, person.length));
    }
    const since = localStorage.getItem(soiled(person));
    const mine = since ? mark + "-" + since : mark;
    page.instanceId = mine + "-" + own;
    data.textContent = JSON.stringify(page);
    const stale = (name) => own !== "" && name.includes(own) && !name.includes(page.instanceId);
    names.filter(stale).forEach((name) => localStorage.removeItem(name));
    if (former !== mine) empty("idb-lru-cache-v1-MaterializedAssets", () => keep(lastOne, mine));
    indexedDB.databases().then((all) => {
      for (const { name } of all) if (stale(name)) indexedDB.deleteDatabase(name);
    });
  }

  // Empties a database whose name is everybody's. It is not deleted: that would
  // wait for other tabs to close it, and the app would wait for that. This
  // transaction begins before the app's, so the app reads what is left.
  function empty(name, done) {
    const opening = indexedDB.open(name);
    opening.onupgradeneeded = () => opening.transaction.abort(); // there was none: make none
    opening.onerror = (event) => {
      event.preventDefault();
      if (opening.error.name === "AbortError") done();
    };
    opening.onsuccess = () => {
      const db = opening.result;
      const clearing = db.transaction(db.objectStoreNames, "readwrite");
      for (const store of db.objectStoreNames) clearing.objectStore(store).clear();
      clearing.oncomplete = () => { db.close(); done(); };
    };
  }

  try {
    forget();
  } catch {
    // There is no storage: then nothing is kept either.
  }

  // ---- Elements ----------------------------------------------------------------

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(looks());
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

  // make creates an element; strings among the children become text.
  function make(tag, { role, ...properties }, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    if (role) element.setAttribute("role", role);
    element.append(...children);
    return element;
  }

  function icon() {
    const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Zm0 1.2a5.3 5.3 0 0 1 4.1 8.65C11.2 10.2 9.6 9.6 8 9.6" +
      "s-3.2.6-4.1 1.75A5.3 5.3 0 0 1 8 2.7Zm0 1.2a2.4 2.4 0 1 0 0 4.8 2.4 2.4 0 0 0 0-4.8Z");
    svg.append(path);
    return svg;
  }

  // ---- Menu --------------------------------------------------------------------

  const label = make("span", { className: "dagpass-label" });
  const button = make("button", { type: "button", className: "dagpass-button" }, icon(), label);
  const group = make("div", { id: "dagpass" }, button);
  const who = make("div", { className: "dagpass-who" });
  const account = make("a", { role: "menuitem", className: "dagpass-item", href: base + "/auth/account", autofocus: true }, "Account");
  const admin = make("a", { role: "menuitem", className: "dagpass-item", href: base + "/auth/admin" }, "Console");
  const leave = make("button", { role: "menuitem", className: "dagpass-item" }, "Sign out");
  let items = [account, leave]; // the console is for admins and auditors: fill adds it
  const form = make("form", { role: "none", method: "post", action: base + "/auth/logout" }, leave);
  const list = make("div", { role: "menu", ariaLabel: "Account" }, account, form);
  const popup = make("div", { id: "dagpass-popup", className: "dagpass-popup", popover: "auto" }, who, list);
  button.setAttribute("aria-haspopup", "menu");
  button.setAttribute("aria-expanded", "false");
  button.setAttribute("aria-controls", popup.id);
  button.popoverTargetElement = popup; // also makes Tab go from the one into the other
  document.body.append(popup);

  popup.addEventListener("beforetoggle", (event) => {
    button.setAttribute("aria-expanded", String(event.newState === "open"));
    arrange(button.getBoundingClientRect());
  });
  popup.addEventListener("focusout", (event) => {
    const to = event.relatedTarget;
    if (to && to !== button && !popup.contains(to)) popup.hidePopover();
  });
  popup.addEventListener("keydown", (event) => {
    const at = items.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
    if (event.key === "Escape") close();
    else if (to !== undefined) items[to % items.length].focus();
    else return;
    event.preventDefault(); // nor does Dagster's drawer close by the same key
    event.stopPropagation();
  });

  function close() {
    popup.hidePopover();
    button.focus();
  }

  // arrange puts the popup above its button in the sidebar, to the right where
  // that is collapsed, and below it in a bar.
  function arrange({ left, right, top, bottom, width }) {
    const px = (n) => n + "px";
    const upper = top < innerHeight / 2;
    const narrow = width < 100;
    Object.assign(popup.style, { left: "auto", right: "auto", top: "auto", bottom: "auto" });
    if (upper) Object.assign(popup.style, { right: px(innerWidth - right), top: px(bottom + 8) });
    else if (narrow) Object.assign(popup.style, { left: px(right + 8), bottom: px(innerHeight - bottom) });
    else Object.assign(popup.style, { left: px(left), bottom: px(innerHeight - top + 4) });
  }

  const title = (role) => role.charAt(0).toUpperCase() + role.slice(1);

  // Of many code locations the account page tells the rest.
  const mostLocations = 6;

  function fill(me) {
    const name = me.user.name || me.user.email || "Account";
    const line = (text, className = "") => make("div", { className }, text);
    const here = Object.entries(me.locations).filter(([, role]) => role !== me.role);
    const lines = [line(name, "dagpass-name")];
    if (me.user.email !== name) lines.push(line(me.user.email));
    if (me.role) lines.push(line(title(me.role)));
    lines.push(...here.slice(0, mostLocations).map(([location, role]) => line(title(role) + " at " + location)));
    if (here.length > mostLocations) lines.push(line("and at " + (here.length - mostLocations) + " more"));
    who.replaceChildren(...lines);
    const administers = me.permissions.includes("administer");
    const mayEnter = administers || me.permissions.includes("audit");
    admin.href = base + (administers ? "/auth/admin" : "/auth/admin/audit"); // all that an auditor sees
    items = mayEnter ? [account, admin, leave] : [account, leave];
    if (mayEnter) account.after(admin);
    else admin.remove();
    label.textContent = button.title = name;
    button.setAttribute("aria-label", "Account of " + name);
  }

  // ---- Place -------------------------------------------------------------------

  // The navigation of today, the bar of Dagster 1.10, else a corner once it is
  // clear that neither comes.
  function place() {
    if (!label.textContent || (group.isConnected && group.dataset.place !== "corner")) return;
    const side = document.querySelector('[class*="MainNavigation_bottomGroups"]');
    const bar = document.querySelector('button[title="User settings"]');
    if (side && side.lastElementChild) {
      put(side, "side", side.lastElementChild.className); // as wide as the one before
    } else if (bar) {
      put(bar.parentElement, "bar", "");
    } else if (late && !group.dataset.place) {
      put(document.body, "corner", "");
    }
  }

  function put(parent, where, like) {
    group.className = like;
    group.dataset.place = where;
    parent.append(group);
  }

  let late = false;
  setTimeout(() => { late = true; place(); }, 8000);

  let planned = false;
  new MutationObserver(() => {
    if (planned) return;
    planned = true;
    requestAnimationFrame(() => { planned = false; place(); });
  }).observe(document.documentElement, { childList: true, subtree: true });

  // ---- Notices -----------------------------------------------------------------

  const notices = make("div", { className: "dagpass-notices" });
  document.body.append(notices);

  const again = make("a", {}, "Sign in again");
  const reload = make("button", { type: "button", onclick: () => location.reload() }, "Reload");
  const sentences = {
    ended: ["Your session has ended.", again],
    person: ["Somebody else is signed in now.", reload],
    access: ["Your permissions have changed.", reload],
  };

  // The app changes the address without loading a page: aim when it is needed.
  function aim() {
    again.href = base + "/auth/login?next=" + encodeURIComponent(location.pathname + location.search);
  }
  for (const moment of ["pointerdown", "focus", "click"]) again.addEventListener(moment, aim);

  // say shows one notice, or none. It does nothing by itself: somebody may be
  // typing. That somebody else is signed in is the last that a page says: it
  // neither asks nor changes anything as them, and it stays so when its own
  // person is back, for it may show what is another's.
  let said = "";
  const over = () => said === "person";
  function say(what) {
    if (what === said || over()) return;
    said = what;
    aim();
    for (const old of notices.querySelectorAll("[role=alert]")) old.remove();
    if (what) notices.append(make("div", { role: "alert", className: "dagpass-notice" }, ...sentences[what]));
    if (over()) end();
  }

  const monitoring = make("div", { role: "status", className: "dagpass-notice dagpass-quiet" },
    "Monitor mode: permissions are recorded, not enforced.");

  // ---- Who is it? --------------------------------------------------------------

  async function hear(answer) {
    if (answer.status === 401) return say("ended");
    if (!answer.ok) return; // in trouble: the app tells of that
    const me = await answer.json();
    say(me.mark === mark ? "" : me.mark.startsWith(person) ? "access" : "person");
    if (me.monitor) notices.prepend(monitoring);
    if (!over() && !popup.matches(":popover-open")) fill(me);
    place();
  }

  let looking = null;
  function look() {
    looking ||= ask("/me", { headers: { Accept: "application/json" } })
      .then(hear)
      .catch(() => {}) // no network
      .finally(() => { looking = null; });
  }

  const shown = () => document.visibilityState === "visible";
  const lookIfShown = () => { if (shown()) look(); };
  document.addEventListener("visibilitychange", lookIfShown);
  addEventListener("pageshow", (event) => { if (event.persisted) look(); }); // back from another page
  setInterval(lookIfShown, 60000);

  // A page of another person says here that it came, to hidden tabs too.
  addEventListener("storage", ({ key, newValue }) => {
    if (key === lastOne && newValue && !newValue.startsWith(person)) look();
  });

  // What the app is told as it polls is the quickest sign that a session ended.
  window.fetch = async (...request) => {
    if (over()) throw new TypeError("Somebody else is signed in.");
    const answer = await plainFetch(...request);
    if (over()) throw new TypeError("Somebody else is signed in.");
    if (answer.status === 401 && said !== "ended") look();
    return answer;
  };

  const sockets = new Set();
  window.WebSocket = class extends WebSocket {
    constructor(...to) {
      super(...to);
      sockets.add(this);
      this.addEventListener("close", () => sockets.delete(this));
      if (over()) this.close();
    }
  };

  function end() {
    sockets.forEach((socket) => socket.close());
    soil(person);
  }

  // ---- Activity ----------------------------------------------------------------

  let last = 0;
  function beat(event) {
    if (over() || !event.isTrusted || Date.now() - last < 60000) return;
    last = Date.now();
    ask("/activity", { method: "POST", keepalive: true })
      .then(({ status }) => { if (status === 401) look(); }, () => {});
  }
  for (const input of ["pointerdown", "keydown"]) addEventListener(input, beat, { capture: true, passive: true });

  look();

  // ---- Looks -------------------------------------------------------------------

  // Colours are Dagster's own, which follow its theme; the second is for a
  // version with other names. Sizes are those of the items beside ours.
  function looks() {
    return `
#dagpass { container-type: inline-size; }
#dagpass *, .dagpass-popup, .dagpass-popup *, .dagpass-notices * { box-sizing: border-box; font-family: inherit; }
#dagpass[data-place="side"] { border-top: 1px solid var(--color-keyline-default, #d9dce1); }
.dagpass-button {
  display: flex; align-items: center; gap: 8px; width: 100%; height: 32px; padding: 8px 12px; margin: 0;
  border: 0; border-radius: 8px; background: transparent; color: var(--color-text-default, #0d1121);
  font-size: 14px; line-height: 16px; text-align: left; cursor: pointer;
}
.dagpass-button:hover, .dagpass-button[aria-expanded="true"] { background: var(--color-background-lighter, #f0f1f3); }
.dagpass-button:focus-visible, .dagpass-popup .dagpass-item:focus-visible, .dagpass-notice :focus-visible {
  outline: none; box-shadow: inset 0 0 0 2px var(--color-focus-ring, #4f43dd);
}
.dagpass-button svg { flex: none; width: 16px; height: 16px; fill: var(--color-accent-primary, currentColor); }
.dagpass-label { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
@container (max-width: 100px) {
  .dagpass-button { justify-content: center; padding: 0; }
  .dagpass-label { display: none; }
}
#dagpass[data-place="bar"] { flex: none; width: 32px; }
#dagpass[data-place="bar"] .dagpass-button { border-radius: 50%; background: var(--color-nav-button, #2b3244); }
#dagpass[data-place="bar"] .dagpass-button:hover { background: var(--color-nav-button-hover, #3f485b); }
#dagpass[data-place="bar"] svg { width: 20px; height: 20px; fill: var(--color-accent-white, #fff); }
#dagpass[data-place="corner"] { position: fixed; left: 16px; bottom: 16px; z-index: 19; width: 180px; }
#dagpass[data-place="corner"] .dagpass-button {
  background: var(--color-background-default, #fff); box-shadow: 0 0 0 1px var(--color-border-default, #c2c7d0);
}
.dagpass-popup {
  position: fixed; inset: auto; width: 204px; max-height: calc(100vh - 32px); margin: 0; padding: 4px; overflow: auto;
  border: 0; border-radius: 4px; background: var(--color-popover-background, #fff); color: var(--color-text-default, #0d1121);
  box-shadow: 0 0 0 1px var(--color-keyline-default, #d9dce1), 0 2px 12px var(--color-shadow-default, rgb(0 0 0 / 0.16));
  font-size: 14px; line-height: 20px;
}
.dagpass-who {
  padding: 6px 12px 8px; margin-bottom: 4px; border-bottom: 1px solid var(--color-keyline-default, #d9dce1);
  color: var(--color-text-light, #535e73); font-size: 12px; line-height: 18px; overflow-wrap: anywhere;
}
.dagpass-who .dagpass-name { color: var(--color-text-default, #0d1121); font-size: 14px; line-height: 20px; }
.dagpass-popup form { margin: 0; }
.dagpass-popup .dagpass-item {
  display: block; width: 100%; padding: 6px 12px; margin: 0; border: 0; border-radius: 4px; background: transparent;
  color: var(--color-text-default, #0d1121); font-size: 14px; line-height: 20px; text-align: left; text-decoration: none;
  cursor: pointer;
}
.dagpass-popup .dagpass-item:hover { background: var(--color-background-lighter, #f0f1f3); }
.dagpass-notices {
  position: fixed; inset: auto 16px 24px; z-index: 2147483647;
  display: flex; flex-direction: column; align-items: center; gap: 8px; pointer-events: none;
}
.dagpass-notice {
  display: flex; align-items: center; gap: 12px; padding: 12px 16px; border-radius: 8px; pointer-events: auto;
  background: var(--color-tooltip-background, #0d1121); color: var(--color-tooltip-text, #fff);
  box-shadow: 0 2px 12px var(--color-shadow-default, rgb(0 0 0 / 0.3)); font-size: 14px; line-height: 20px;
}
.dagpass-notice a, .dagpass-notice a:hover, .dagpass-notice button {
  padding: 2px 4px; margin: 0; border: 0; border-radius: 4px; background: transparent; color: inherit; font-size: 14px;
  line-height: 20px; font-weight: 600; text-decoration: underline; white-space: nowrap; cursor: pointer;
}
.dagpass-notice.dagpass-quiet { padding: 4px 12px; font-size: 12px; opacity: 0.85; pointer-events: none; }
`;
  }
})();
