// What every page has: theme, keys, toasts, menus, ticks, dropped files, local times. All pages work without it.
"use strict";

const closest = (event, selector) => (event.target instanceof Element ? event.target.closest(selector) : null);

// --- the zone in which pages are told by days
function sayZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const secure = location.protocol === "https:" ? "; secure" : "";
  if (zone) document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
}

// --- theme
function showTheme() {
  const theme = document.documentElement.dataset.bsTheme || "system";
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
  }
}

function chooseTheme(theme) {
  const system = theme === "system";
  if (system) delete document.documentElement.dataset.bsTheme;
  else document.documentElement.dataset.bsTheme = theme;
  try {
    if (system) localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme);
  } catch { /* not remembered, but shown */ }
  showTheme();
}

// --- single keys: "/" goes to the search of the page, or of everything; others work on rows. They can be switched off, for whoever dictates.
const keysAreOn = () => {
  try { return localStorage.getItem("keys") !== "off"; } catch { return true; }
};

function showKeys() {
  document.querySelector("[data-keys]")?.setAttribute("aria-pressed", String(keysAreOn()));
}

function chooseKeys() {
  try {
    if (keysAreOn()) localStorage.setItem("keys", "off");
    else localStorage.removeItem("keys");
  } catch { /* not remembered: they stay on */ }
  showKeys();
}

function goToSearch() {
  const field = document.querySelector("[data-search]");
  if (field) field.focus();
  else window.location.assign(`${document.body.dataset.searchPage}#q`);
}

const TEXT = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
const isTyping = (event) => closest(event, TEXT) !== null;

// J and K go down and up the rows of a list; other keys press what names them in the row that has the focus.
function workOnRow(key) {
  const rows = [...document.querySelectorAll("[data-row]")];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const step = { j: 1, k: -1 }[key];
  if (!step) return rows[at]?.querySelector(`[data-key="${CSS.escape(key)}"]`)?.click();
  rows[Math.min(rows.length - 1, Math.max(0, at + step))]?.querySelector("[data-tick]")?.focus();
}

// --- toasts: {text, undo}; the page's own come from Django's messages
function csrfToken() {
  return JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] || "";
}

function hidden(name, value) {
  const input = document.createElement("input");
  Object.assign(input, { type: "hidden", name, value });
  return input;
}

function undoForm(url) {
  const form = document.createElement("form");
  const button = document.createElement("button");
  Object.assign(form, { method: "post", action: url });
  button.textContent = "Undo";
  form.append(hidden("csrfmiddlewaretoken", csrfToken()), button);
  return form;
}

function toast({ text, undo }) {
  const line = document.createElement("div");
  const words = document.createElement("span");
  line.className = "said-toast";
  words.textContent = text;
  line.append(words);
  if (undo) line.append(undoForm(undo));
  document.getElementById("toasts").append(line);
  leaveLater(line);
}

// Long enough to read; it waits while it is pointed at or holds the focus.
function leaveLater(line) {
  const wait = line.querySelector("form") ? 12000 : 6000;
  const leave = () => (line.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : line.remove());
  setTimeout(leave, wait);
}

// --- ticked rows
function showTicked(form) {
  const ticks = [...form.querySelectorAll("[data-tick]")];
  const ticked = ticks.filter((tick) => tick.checked).length;
  const all = form.querySelector("[data-tick-all]");
  const count = form.querySelector("[data-ticked]");
  if (all) {
    all.checked = ticked > 0 && ticked === ticks.length;
    all.indeterminate = ticked > 0 && ticked < ticks.length;
  }
  if (count) count.textContent = ticked === 1 ? "1 ticked" : `${ticked} ticked`;
  form.querySelector("[data-bulk]")?.toggleAttribute("hidden", ticked === 0);
}

let lastTick = null;
function tickRange(tick, event) {
  const ticks = [...tick.form.querySelectorAll("[data-tick]")];
  if (event.shiftKey && lastTick && ticks.includes(lastTick)) {
    const [from, to] = [ticks.indexOf(lastTick), ticks.indexOf(tick)].sort((a, b) => a - b);
    for (const other of ticks.slice(from, to + 1)) other.checked = tick.checked;
  }
  lastTick = tick;
}

// --- a file that is dropped or chosen, and how much of it has arrived
function showFile(drop) {
  const file = drop.querySelector("input[type=file]").files[0];
  const label = drop.querySelector("[data-file-name]");
  if (!file || !label) return;
  label.textContent = `${file.name} — ${readableSize(file.size)}`;
  const limit = Number(drop.dataset.limit || 0);
  const tooBig = limit > 0 && file.size > limit;
  drop.querySelector("[data-file-too-big]")?.toggleAttribute("hidden", !tooBig);
  const button = drop.closest("form")?.querySelector("[type=submit]");
  if (button) button.disabled = tooBig;
}

function readableSize(bytes) {
  const units = ["bytes", "KB", "MB", "GB"];
  let at = 0;
  for (; bytes >= 1000 && at < units.length - 1; at += 1) bytes /= 1000;
  return `${bytes.toFixed(at && bytes < 10 ? 1 : 0).replace(/\.0$/, "")} ${units[at]}`;
}

// --- times: the server writes UTC, the reader sees their own clock
function showTimes(root) {
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
  const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
  const short = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
  for (const time of root.querySelectorAll("time[datetime*='T']:not([title])")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.title = full.format(moment);
    if (time.dataset.as === "day") time.textContent = day.format(moment);
    if (time.dataset.as === "time") time.textContent = short.format(moment);
  }
}

// --- a message that was opened in place
function showLess(box) {
  box.querySelector(".said-whole").replaceChildren();
  box.querySelector("[data-more]").focus();
}

document.addEventListener("click", (event) => {
  const choice = closest(event, "[data-theme-choice]");
  if (choice) chooseTheme(choice.dataset.themeChoice);
  if (closest(event, "[data-keys]")) chooseKeys();
  const tick = closest(event, "[data-tick]");
  if (tick) tickRange(tick, event);
  const less = closest(event, "[data-less]");
  if (less) showLess(less.closest(".said-box"));
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (event.key === "Escape") closeMenu();
  if (event.key === "Enter" && !isPlain) closest(event, "[data-sends]")?.form.requestSubmit();
  if (!isPlain || !keysAreOn() || isTyping(event)) return;
  if (event.key === "/") {
    event.preventDefault();
    goToSearch();
  } else if (event.key.length === 1 && event.key !== " ") workOnRow(event.key);
});

function closeMenu() {
  const menu = document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
}

document.addEventListener("change", (event) => {
  const all = closest(event, "[data-tick-all]");
  if (all) for (const tick of all.form.querySelectorAll("[data-tick]")) tick.checked = all.checked;
  const form = closest(event, "[data-ticks]");
  if (form) showTicked(form);
  const drop = closest(event, "[data-drop]");
  if (drop) showFile(drop);
});

for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    const drop = closest(event, "[data-drop]");
    if (!drop || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files.length) {
      drop.querySelector("input[type=file]").files = event.dataTransfer.files;
      showFile(drop);
    }
  });
}

document.addEventListener("toast", (event) => toast(event.detail));
document.addEventListener("htmx:afterSettle", (event) => {
  showTimes(document);
  for (const form of document.querySelectorAll("[data-ticks]")) showTicked(form);
  event.target.querySelector?.("[data-focus]")?.focus();
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  // Signed out meanwhile: the page to sign in is no part of this one.
  if (new URL(xhr.responseURL).pathname === document.body.dataset.signIn) {
    event.detail.shouldSwap = false;
    window.location.reload();
  }
  // A form with mistakes comes back with 422, or 413 for a file too large: show it where it stood.
  if (xhr.status === 422 || xhr.status === 413) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});
const SILENT = "No answer from the server. Check the connection and try again.";
// The server answers htmx with a sentence; what stands before it may answer with a page.
function whatWentWrong(xhr) {
  const isSentence = (xhr.getResponseHeader("Content-Type") || "").startsWith("text/plain");
  return isSentence && xhr.responseText ? xhr.responseText : "That did not work. Reload the page and try again.";
}
for (const kind of ["htmx:sendError", "htmx:responseError"]) {
  document.addEventListener(kind, (event) => {
    if (event.detail.elt.closest("[data-polls]")) return;
    toast({ text: kind === "htmx:sendError" ? SILENT : whatWentWrong(event.detail.xhr) });
  });
}
document.addEventListener("htmx:xhr:progress", (event) => {
  const bar = event.detail.elt.querySelector?.("[data-upload]");
  if (!bar || !event.detail.lengthComputable) return;
  bar.hidden = false;
  bar.value = event.detail.loaded;
  bar.max = event.detail.total;
});

sayZone();
showTheme();
showKeys();
showTimes(document);
if (window.location.hash === "#q") goToSearch();
for (const line of document.querySelectorAll(".said-toast")) leaveLater(line);
for (const form of document.querySelectorAll("[data-ticks]")) showTicked(form);
