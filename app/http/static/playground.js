// The page at /: a field with autocomplete.js, and what the service says of each suggestion.

import { attach } from "../autocomplete.js";

const ALTERNATIVES = 2;
const REQUEST = { max_tokens: 8, min_confidence: 0.4, temperature: 0 };
const SHOWN = {
  max_tokens: (value) => `${value} tokens`,
  min_confidence: (value) => percent(value),
  temperature: (value) => Number(value).toFixed(2),
};

const $ = (id) => document.getElementById(id);
const percent = (share) => `${Math.round(share * 100)} %`;
const text = $("text");
const attachment = attach(text, { url: document.baseURI, request: { ...REQUEST, alternatives: ALTERNATIVES } });

let key = sessionStorage.getItem("key") ?? "";
let asked = 0;          // when the last request was sent
let written = 0;        // characters that suggestions wrote

text.addEventListener("autocomplete-ask", () => { asked = performance.now(); text.classList.add("waiting"); });
text.addEventListener("autocomplete-answer", ({ detail }) => answered(detail));
text.addEventListener("autocomplete-show", ({ detail }) => list(detail.choices));
text.addEventListener("autocomplete-hide", () => list([]));
text.addEventListener("autocomplete-accept", ({ detail }) => { written += detail.text.length; });
text.addEventListener("autocomplete-error", ({ detail }) => failed(detail));
text.addEventListener("input", () => { complain(""); draw(); });
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.ctrlKey) return;
  event.preventDefault();
  attachment.ask();
});

// A suggestion ends where its field loses the focus, so what acts on the text leaves it there.
for (const place of [$("words"), $("starters"), document.querySelector(".actions")]) {
  place.addEventListener("mousedown", (event) => event.preventDefault());
}
const onText = (button, action) => button.addEventListener("click", () => { text.focus(); action(); });
onText($("accept"), () => attachment.accept());
onText($("another"), () => attachment.ask());
onText($("clear"), () => { text.select(); document.execCommand("delete"); });
for (const starter of $("starters").querySelectorAll("button")) {
  onText(starter, () => document.execCommand("insertText", false, starter.textContent));
}
$("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(text.value);
  $("announcer").textContent = "Copied";
});
$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  key = $("key").value;
  start();
});

for (const [name, value] of Object.entries(REQUEST)) {
  const input = $(name);
  const show = () => { $(`${name}-value`).value = SHOWN[name](input.value); };
  input.value = value;
  input.addEventListener("input", () => { show(); configure(); });
  show();
}
draw();
start();

async function start() {
  attachment.configure({ key });
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const answer = await fetch("model", { headers, credentials: "omit" }).catch(() => null);
  const locked = answer?.status === 401;
  $("login").hidden = !locked;
  $("model").hidden = !answer?.ok;
  if (locked) {
    if (key) complain("The service does not accept this key.");
    sessionStorage.removeItem("key");
    $("key").focus();
  } else if (answer?.ok) {
    complain("");
    sessionStorage.setItem("key", key);
    describe(await answer.json());
    text.focus();
  } else complain("The service cannot be reached.");
}

function describe(model) {
  $("model").textContent = `${model.id} · ${model.quantization} · ${model.runtime.name} ${model.runtime.version}`;
  $("max_tokens").max = Math.min(64, model.limits.max_tokens);
  for (const name of Object.keys(REQUEST)) $(name).disabled = model.refused.includes(name);
}

function configure() {
  const request = { alternatives: ALTERNATIVES };
  for (const name of Object.keys(REQUEST)) request[name] = Number($(name).value);
  attachment.configure({ request });
}

function answered({ usage, timings, window, choices }) {
  text.classList.remove("waiting");
  complain("");
  const unsure = choices[0].finish_reason === "confidence";
  $("nothing").textContent = unsure ? "Not sure enough to be shown." : "Nothing to suggest here.";
  if (!usage) return;   // what the guard refused is no news
  const parts = [`${Math.round(performance.now() - asked)} ms`, `first token ${Math.round(timings.first_token_ms)} ms`];
  if (usage.cached_tokens) parts.push(`${usage.cached_tokens} of ${usage.prompt_tokens} tokens cached`);
  if (window.dropped_tokens) parts.push(`${window.dropped_tokens} oldest tokens not seen`);
  $("speed").value = parts.join(" · ");
}

/** The suggestion and its alternatives, best first, to be chosen. */
function list(choices) {
  const [begun] = text.value.slice(0, text.selectionEnd).match(/[\p{L}\p{N}'’-]*$/u);
  const items = choices.map(({ text: words, confidence }, index) => {
    const button = document.createElement("button");
    const line = document.createElement("b");
    const typed = document.createElement("i");
    typed.textContent = /^[\p{L}\p{N}]/u.test(words) ? begun : "";
    line.append(typed, words.trim().replace(/\s+/g, " "));
    button.append(line);
    button.ariaPressed = String(index === 0);
    if (confidence !== undefined) {
      const meter = document.createElement("meter");
      meter.value = confidence;
      meter.ariaLabel = "confidence";
      const share = document.createElement("span");
      share.textContent = percent(confidence);
      button.append(meter, share);
    }
    onText(button, () => attachment.turn(index));
    const item = document.createElement("li");
    item.append(button);
    return item;
  });
  $("words").replaceChildren(...items.filter((_, index) => !(choices[index].confidence < 0.005)));
  $("nothing").hidden = choices.length > 0;
  $("accept").disabled = !choices.length;
  text.classList.remove("waiting");
  draw();
}

function draw() {
  $("starters").hidden = text.value !== "";
  const { keys, accepted } = attachment.counters;
  const saved = (written - accepted) / (keys + written);
  $("saved").value = accepted ? `${percent(saved)} of the keys saved` : "";
}

function failed({ code, message, retryAfter }) {
  text.classList.remove("waiting");
  if (code === "unauthorized") return start();
  const again = retryAfter ? ` It is asked again in ${Math.ceil(retryAfter)} s.` : "";
  if (code === "unreachable") complain(`The service cannot be reached.${again}`);
  else if (code === "overloaded") complain(`The service is busy.${again}`);
  else complain(`${message[0].toUpperCase()}${message.slice(1)}.`);
}

function complain(words) {
  $("message").textContent = words;
  $("message").hidden = !words;
}
