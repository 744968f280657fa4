/* Small conveniences. Every page works without them. */

const words = document.body.dataset;

/* A form is sent once: the button says so, a second press is ignored. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === "get") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "1";
  const button = event.submitter || form.querySelector("button:not([type=button])");
  if (button && button.classList.contains("btn")) {
    button.setAttribute("aria-busy", "true");
    button.dataset.label = button.innerHTML;
    // After the browser has read the pressed button's name, or its value would be lost.
    setTimeout(() => { button.textContent = button.dataset.busy || words.textBusy; }, 0);
  }
});

/* Coming back by the back button shows the page as it was left: wake the buttons. */
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll("button[aria-busy]")) {
    button.removeAttribute("aria-busy");
    if (button.dataset.label) button.innerHTML = button.dataset.label;
  }
});

/* Focus goes to the summary of what to correct; its links open the field and select it. */
const summary = document.querySelector("[data-error-summary]");
if (summary) {
  summary.focus();
  summary.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    const field = link && document.getElementById(link.hash.slice(1));
    if (!field) return;
    event.preventDefault();
    field.scrollIntoView({ block: "center" });
    field.focus({ preventScroll: true });
  });
}

/* Number fields with − and +, in steps. */
for (const stepper of document.querySelectorAll("[data-stepper]")) {
  const input = stepper.querySelector("input");
  const step = Number(stepper.dataset.stepper);
  input.value = input.value.replace(/\.00$/, ""); // round sums are spoken without fen
  for (const button of stepper.querySelectorAll("[data-step]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const low = input.min === "" ? 0 : Number(input.min);
      const high = input.max === "" ? Infinity : Number(input.max);
      const now = Number(input.value.replace(/,/g, "")) || 0;
      const next = Math.min(high, Math.max(low, now + Number(button.dataset.step) * step));
      input.value = Number.isInteger(next) ? String(next) : next.toFixed(2);
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }
}

/* Drafts stay on this device only, and never hold what a person is or owns: password, number, file and hidden
   fields and anything marked data-private are left out. */
const KEEP = "input:not([type=hidden]):not([type=password]):not([type=file]):not([type=tel]):not([data-private]), select:not([data-private]), textarea:not([data-private])";

function store(action, key, value) {
  try {
    return value === undefined ? localStorage[action](key) : localStorage[action](key, value);
  } catch {
    return null; // storage is switched off or full: the form simply has no draft
  }
}

for (const form of document.querySelectorAll("form[data-draft]")) {
  const key = `draft:${location.pathname}:${form.dataset.draft}`;
  const note = form.querySelector("[data-draft-note]");
  const fields = () => [...form.querySelectorAll(KEEP)].filter((field) => field.name);
  const saved = summary ? null : store("getItem", key);
  if (saved) {
    const values = JSON.parse(saved);
    fields().forEach((field, index) => {
      const value = values[`${field.name}#${index}`];
      if (value === undefined) return;
      if (field.type === "checkbox" || field.type === "radio") field.checked = value;
      else field.value = value;
    });
  }
  let waiting;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const values = {};
      fields().forEach((field, index) => {
        values[`${field.name}#${index}`] = field.type === "checkbox" || field.type === "radio" ? field.checked : field.value;
      });
      store("setItem", key, JSON.stringify(values));
      const at = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
      if (note) note.textContent = words.textDraft + at;
    }, 800);
  });
  form.addEventListener("submit", () => { clearTimeout(waiting); store("removeItem", key); });
}

/* Leaving a long form with something typed and nothing kept asks first. */
const guarded = [...document.querySelectorAll("form[data-guard][method=post]:not([data-draft])")]
  .filter((form) => form.querySelectorAll("input:not([type=hidden]), select, textarea").length > 3);
let touched = false;
for (const form of guarded) {
  form.addEventListener("change", () => { touched = true; });
  form.addEventListener("submit", () => { touched = false; });
}
window.addEventListener("beforeunload", (event) => {
  if (touched) event.preventDefault();
});

/* Menus close on Escape and on a press elsewhere. */
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

/* Printing. */
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

/* Reading aloud, offered only where the device has a voice of the page's language. */
const synth = window.speechSynthesis;
const language = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
function offerReading() {
  const voice = synth.getVoices().find((one) => one.lang.toLowerCase().startsWith(language));
  if (!voice) return;
  for (const button of document.querySelectorAll("[data-read]")) {
    if (!button.hidden) continue;
    button.hidden = false;
    const label = button.querySelector("span");
    const start = label.textContent;
    const rest = () => { label.textContent = start; button.setAttribute("aria-pressed", "false"); };
    button.addEventListener("click", () => {
      if (synth.speaking) {
        synth.cancel();
        rest();
        return;
      }
      const speech = new SpeechSynthesisUtterance(document.querySelector(button.dataset.read).innerText);
      speech.voice = voice;
      speech.lang = voice.lang;
      speech.rate = 0.9;
      speech.onend = rest;
      label.textContent = button.dataset.textStop;
      button.setAttribute("aria-pressed", "true");
      synth.speak(speech);
    });
  }
}
if (synth && document.querySelector("[data-read]")) {
  offerReading();
  synth.addEventListener?.("voiceschanged", offerReading);
}

/* Partial updates carry the token in a header. */
document.addEventListener("htmx:configRequest", (event) => {
  const token = document.querySelector("meta[name=csrf-token]");
  if (token) event.detail.headers["X-CSRFToken"] = token.content;
});
