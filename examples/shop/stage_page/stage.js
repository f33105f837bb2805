// The stage's page: plays the browser for the shop in the frame, and shows what the engine says about it.
const $ = (id) => document.getElementById(id);
const frame = $("shop");
const state = { persona: document.body.dataset.persona, slots: [], lit: null, open: null, revision: null, rejected: "" };

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== false) element.setAttribute(name, value);
  element.append(...children.filter((c) => c !== null && c !== ""));
  return element;
};
const post = (path) => fetch(`/stage/api/${path}`, { method: "POST", headers: { "x-stage": "1" } }).then((r) => r.json());
const here = () => {
  try { const at = frame.contentWindow.location; return at.protocol === "about:" ? null : at.pathname + at.search; } catch { return null; }
};

// --- who is visiting -------------------------------------------------------------------------------------------

async function become(persona, again = false) {
  const { landing, phone } = await post(`become/${persona}${again ? "?again" : ""}`);
  state.persona = persona;
  state.open = null;
  $("slots").scrollTop = 0;
  document.body.classList.toggle("phone", phone);
  $("plain").setAttribute("aria-pressed", "false");
  for (const button of document.querySelectorAll(".person")) {
    const chosen = button.dataset.persona === persona;
    button.setAttribute("aria-pressed", chosen);
    if (!chosen) continue;
    const restart = make("button", { type: "button" }, "start over");
    restart.onclick = () => become(persona, true);
    $("story").replaceChildren(make("b", {}, `${button.querySelector("b").textContent}. ${button.querySelector("small").textContent}`), button.dataset.story + " ", make("em", {}, button.dataset.look), " ", restart);
  }
  frame.src = landing;
}

// --- why each slot shows what it shows ---------------------------------------------------------------------------

async function explain() {
  const path = here();
  if (path === null) return;
  $("address").textContent = `juniper-row.example${path}`;
  const plain = $("plain").getAttribute("aria-pressed") === "true";
  const told = plain ? { slots: [], segments: [] } : await fetch(`/stage/api/explain?path=${encodeURIComponent(path)}`).then((r) => r.json());
  state.slots = told.slots;
  state.lit = null;
  $("memberships").replaceChildren(...told.segments.map((name) => make("span", { class: "chip", title: "a segment this visitor is in" }, `is ${name}`)));
  $("hint").textContent = plain ? "this is the bare shop" : told.slots.length ? pointing : "no slot: the page passes untouched";
  list();
  marks();
}

const pointing = matchMedia("(hover: none)").matches ? "tap a slot" : "point at a slot";
const personal = (slot) => slot.experience !== null && !slot.held && slot.state !== "page";
const outcome = (slot) => {
  if (slot.experience === null) return { consent: "the page as it is: no consent", bot: "the page as it is: a bot" }[slot.reason] ?? "the page as it is: nothing fits";
  return slot.experience;
};
const source = { inline: "from the config", fresh: "fresh", stale: "kept from earlier", fallback: "fell back", page: "the page's own" };
const spent = (slot) => (slot.took_us < 1000 ? `${Math.round(slot.took_us)} µs` : `${(slot.took_us / 1000).toFixed(1)} ms`);

function heading(slot) {
  return [outcome(slot), slot.variant ? make("span", { class: "variant" }, ` · variant ${slot.variant}`) : "", slot.state === "fallback" ? " · fell back to the page's own" : slot.experience && slot.state === "page" ? " · the page's own" : ""];
}
function facts(slot) {
  return make("div", { class: "facts" }, make("code", {}, slot.mark), make("span", {}, source[slot.state] ?? slot.state), make("span", {}, spent(slot)));
}

// The visitor's sentence; of what fell back, what went wrong.
function reason(slot) {
  if (slot.state === "fallback" && slot.note) return make("p", { class: "hint" }, slot.note);
  return slot.why && slot.experience ? make("p", { class: "quote" }, slot.why) : "";
}

function list() {
  $("slots").replaceChildren(...state.slots.map((slot) => {
    const open = state.open === slot.slot;
    const button = make("button", { type: "button", "aria-expanded": open }, make("span", { class: "name" }, slot.slot), make("span", { class: "took" }, spent(slot)), make("span", { class: "won" }, ...heading(slot)));
    button.onclick = () => { state.open = open ? null : slot.slot; list(); light(slot.slot); const item = $("slots").querySelector(`[data-slot="${slot.slot}"]`); item.firstElementChild.focus(); $("slots").scrollTop = item.offsetTop - $("slots").offsetTop; };
    button.onfocus = () => light(slot.slot, true);
    button.onmouseenter = () => light(slot.slot, true);
    button.onmouseleave = () => light(null);
    const item = make("li", { class: `slot${personal(slot) ? " on" : ""}`, "data-slot": slot.slot }, button);
    if (open) item.append(more(slot));
    return item;
  }));
}

function more(slot) {
  const why = slot.why && slot.experience ? make("p", { class: "quote" }, make("small", {}, "Why am I seeing this?"), slot.why) : "";
  const note = slot.note ? make("p", { class: "hint" }, slot.note) : "";
  return make("div", { class: "more" }, why, facts(slot), note, make("ul", { class: "tree", "aria-label": "The reasons" }, ...(slot.steps.inner.length ? slot.steps.inner : [slot.steps]).map((s) => step(s, slot))));
}
function step(told, slot) {
  const line = [make("span", { class: told.held ? "yes" : "no" }, told.what), told.saw ? make("span", { class: "saw" }, ` — ${told.saw}`) : "", told.mark ? make("span", { class: "mark" }, ` ${told.mark.replace(/^.*\//, "").replace(/:\d+$/, "")}`) : ""];
  if (!told.inner.length) return make("li", {}, ...line);
  const won = slot.experience && told.what.includes(slot.experience);
  return make("li", {}, make("details", { open: won ? "" : null }, make("summary", {}, ...line), make("ul", {}, ...told.inner.map((s) => step(s, slot)))));
}

// --- outlines over the shop, drawn from outside: its page is not touched --------------------------------------------

function rect(slot) {
  const page = frame.contentDocument;
  if (!page?.body) return null;
  const range = page.createRange();
  const { selector, comment } = slot.find;
  const element = page.querySelector(selector ?? `[data-slot="${slot.slot}"]`);
  if (element && !comment) return element.getBoundingClientRect();
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_COMMENT);
  const name = comment ?? slot.slot;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.data.trim() === `slot:${name}`) range.setStartAfter(node);
    if (node.data.trim() === `/slot:${name}`) { range.setEndBefore(node); return range.getBoundingClientRect(); }
  }
  return null;
}

function marks() {
  const boxes = state.slots.flatMap((slot) => {
    const at = rect(slot);
    if (!at || at.height < 4) return [];
    const box = make("div", { class: `box${personal(slot) ? "" : " off"}${state.lit === slot.slot ? " lit" : ""}${at.height < 50 ? " thin" : ""}${at.right + 90 < frame.clientWidth ? " beside" : ""}` }, make("b", {}, slot.slot));
    const out = at.height < 40 ? 4 : 3;
    Object.assign(box.style, { left: `${Math.max(0, at.left - out * 2)}px`, top: `${at.top - out}px`, width: `${Math.min(at.width + out * 4, frame.clientWidth - Math.max(0, at.left - out * 2))}px`, height: `${at.height + out * 2}px` });
    return [box];
  });
  $("marks").replaceChildren(...boxes);
  const lit = state.slots.find((slot) => slot.slot === state.lit);
  if (lit) tip(lit);
}
function tip(slot) {
  const at = rect(slot) ?? { left: 20, top: 20, bottom: 40, right: 300, height: 0 };
  const card = make("div", { class: "tip" }, make("div", {}, make("b", {}, slot.slot), " ", ...heading(slot)), reason(slot), facts(slot));
  $("marks").append(card);
  const width = frame.clientWidth, height = frame.clientHeight, tall = card.offsetHeight + 12;
  // Below the slot where there is room, else in its lower right corner, else above.
  const below = at.bottom + 12 + tall < height, inside = at.height > 2 * tall;
  const left = below || !inside ? at.left : at.right - card.offsetWidth - 14;
  const top = below ? at.bottom + 12 : inside ? Math.min(at.bottom, height) - tall - 4 : at.top - tall;
  Object.assign(card.style, { left: `${Math.max(12, Math.min(left, width - card.offsetWidth - 12))}px`, top: `${Math.max(12, top)}px` });
}
function light(name, scroll = false) {
  if (state.lit === name && !scroll) return;
  state.lit = name;
  for (const item of $("slots").children) item.classList.toggle("lit", item.dataset.slot === name);
  const slot = state.slots.find((s) => s.slot === name);
  if (slot && scroll) {
    const at = rect(slot), view = frame.clientHeight;
    if (at && at.height && (at.top < 0 || at.top > view - 140)) frame.contentWindow.scrollBy({ top: at.top - 90, behavior: "instant" });
  }
  marks();
}

frame.addEventListener("load", () => {
  const page = frame.contentDocument;
  if (here() === null || !page) return;
  explain();
  page.addEventListener("mousemove", (event) => {
    const inside = state.slots.filter((slot) => { const r = rect(slot); return r && event.clientX >= r.left && event.clientX <= r.right && event.clientY >= r.top - 4 && event.clientY <= r.bottom + 4; });
    light(inside.length ? inside.reduce((a, b) => (rect(a).height < rect(b).height ? a : b)).slot : null);
  });
  page.addEventListener("mouseleave", () => light(null));
  page.addEventListener("load", marks, true);
  frame.contentWindow.addEventListener("scroll", marks, { passive: true });
  frame.contentWindow.addEventListener("resize", marks);
});

// --- edits, the backend, page times ---------------------------------------------------------------------------------

function slip(problems) {
  $("slip").hidden = !problems.length;
  if (!problems.length) return;
  $("slip").replaceChildren(...problems.slice(0, 2).map((p) => make("div", {}, make("p", {}, make("b", {}, p.where), ` ${p.message}`, p.hint ? make("em", {}, ` (${p.hint})`) : ""), p.line ? make("pre", {}, `${p.line}\n${p.caret}`) : "")), make("p", { class: "kept" }, `${problems.length > 2 ? `And ${problems.length - 2} more. ` : ""}The last good version goes on serving.`));
}

function spark(times, budget) {
  const most = budget * 1.3, wide = 340 / 80;
  const y = (ms) => 70 - (Math.min(ms, most) / most) * 62;
  const svg = (tag, attributes, text) => { const e = document.createElementNS("http://www.w3.org/2000/svg", tag); for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v); if (text) e.textContent = text; return e; };
  $("spark").replaceChildren(
    ...times.map((t, n) => svg("rect", { class: t.banner, x: 340 - (times.length - n) * wide, y: y(t.ms), width: wide - 1, height: 72 - y(t.ms), rx: 1 })),
    svg("line", { x1: 0, x2: 340, y1: y(budget), y2: y(budget) }), svg("text", { x: 2, y: y(budget) - 4 }, `budget ${budget} ms`));
  const last = times.slice(-20), middle = last.map((t) => t.ms).sort((a, b) => a - b)[last.length >> 1];
  const key = (name, colour, words) => { const dot = make("i"); dot.style.background = colour; return make("span", {}, dot, words); };
  $("times").replaceChildren(make("b", {}, middle === undefined ? "" : `Half of the pages leave within ${middle.toFixed(1)} ms.`), make("br"), key("fresh", "#5fae83", "fresh banner"), key("stale", "#f3bd57", "kept from earlier"), key("fallback", "#e77a62", "the shop's own"));
}

async function look() {
  try {
    const told = await fetch("/stage/api/status").then((r) => r.json());
    const rejected = JSON.stringify(told.problems);
    if (rejected !== state.rejected) { state.rejected = rejected; slip(told.problems); }
    const live = $("live");
    live.classList.toggle("bad", told.problems.length > 0);
    live.lastElementChild.textContent = told.problems.length ? "the last edit has a slip" : told.revision > 1 ? `your edit no. ${told.revision - 1} is live` : "edits go live as you save";
    if (state.revision !== null && told.revision !== state.revision) {
      live.classList.remove("flash"); void live.offsetWidth; live.classList.add("flash");
      frame.contentWindow.location.reload();
    }
    state.revision = told.revision;
    const banner = told.times.findLast((t) => t.who === "passer-by")?.banner;
    if (state.banner && banner && banner !== state.banner && here()?.startsWith("/c/")) frame.contentWindow.location.reload();
    state.banner = banner;
    for (const button of document.querySelectorAll("[data-mode]")) button.setAttribute("aria-pressed", button.dataset.mode === told.backend.mode);
    $("breaker").className = `chip ${told.backend.breaker}`;
    $("breaker").textContent = told.backend.breaker === "open" ? "breaker open: not asked" : "breaker closed";
    spark(told.times, told.budget);
  } catch { $("live").classList.add("bad"); $("live").lastElementChild.textContent = "the demo has ended"; }
  setTimeout(look, 700);
}

for (const button of document.querySelectorAll(".person")) button.onclick = () => become(button.dataset.persona);
for (const button of document.querySelectorAll("[data-mode]")) button.onclick = async () => {
  await post(`backend/${button.dataset.mode}`);
  if (button.dataset.mode !== "works" && !here()?.startsWith("/c/")) frame.src = "/c/pantry";
};
$("back").onclick = () => frame.contentWindow.history.back();
$("again").onclick = () => frame.contentWindow.location.reload();
$("plain").onclick = async () => {
  const on = $("plain").getAttribute("aria-pressed") !== "true";
  await post(`plain/${on ? "on" : "off"}`);
  $("plain").setAttribute("aria-pressed", on);
  frame.contentWindow.location.reload();
};
addEventListener("resize", marks);
look();
become(["new", "mobile", "toothpaste", "bargain", "refused"].includes(state.persona) ? state.persona : "toothpaste");
