// The page at /: ghost text after the cursor, asked for after a pause and dropped at the next key.

const PAUSE_MS = 250;
const $ = (id) => document.getElementById(id);
const text = $("text");

let suggestion = "";     // what the ghost shows
let running = null;      // AbortController of the request in flight
let timer = 0;

start();

async function start() {
  const model = await (await fetch("model")).json();
  $("model").textContent = `${model.id} · ${model.quantization} · ${model.runtime.name} ${model.runtime.version}`;
  slider("window", model.limits.default_window, model.limits.window_tokens, (tokens) => `${tokens} tokens`);
  slider("temperature", model.defaults.temperature, 2, (value) => (+value).toFixed(2));
  slider("length", Math.min(32, model.limits.max_tokens), Math.min(128, model.limits.max_tokens), (tokens) => `${tokens} tokens`);

  text.addEventListener("input", typed);
  text.addEventListener("keydown", pressed);
  document.addEventListener("selectionchange", () => { if (document.activeElement === text) moved(); });
  $("accept").addEventListener("click", () => accept(suggestion));
  $("another").addEventListener("click", () => { text.focus(); suggest(); });
  for (const starter of $("starters").children) {
    starter.addEventListener("click", () => { text.focus(); insert(starter.textContent); suggest(); });
  }
  $("clear").addEventListener("click", () => { text.focus(); text.select(); insert(""); });
  $("copy").addEventListener("click", async () => { await navigator.clipboard.writeText(text.value); announce("Copied"); });
  draw();
}

function slider(name, value, max, shown) {
  const input = $(name);
  input.max = max;
  input.value = value;
  const show = () => { $(`${name}-value`).value = shown(input.value); };
  input.addEventListener("input", () => { show(); later(); });
  show();
}

// Typing

function typed(event) {
  const typedIn = event.data;
  if (typedIn && suggestion.startsWith(typedIn)) {
    suggestion = suggestion.slice(typedIn.length);   // typed along: keep the rest
    caret = text.selectionStart;
    draw();
    if (suggestion) return;
  }
  later();
}

function later() {
  dismiss();
  if (text.value.trim()) timer = setTimeout(suggest, PAUSE_MS);
}

let caret = 0;

function moved() {
  if (text.selectionStart === caret && text.selectionStart === text.selectionEnd) return;
  caret = text.selectionStart;
  if (suggestion || running) dismiss();
  draw();
}

function pressed(event) {
  const along = event.key === "ArrowRight" && (event.ctrlKey || event.altKey);
  if (event.key === "Enter" && event.ctrlKey) suggest();
  else if (event.key === "Escape") dismiss();
  else if (suggestion && event.key === "Tab" && !event.shiftKey) accept(suggestion);
  else if (suggestion && along) accept(suggestion.match(/^\s*\S+|^\s+/)[0]);
  else return;
  event.preventDefault();
}

function accept(part) {
  const rest = suggestion.slice(part.length);
  text.focus();
  insert(part);
  announce(`Accepted: ${part}`);
  suggestion = rest;
  caret = text.selectionStart;
  draw();
  if (!rest) later();
}

function insert(part) {
  // The only way that keeps the browser's undo.
  if (!document.execCommand(part ? "insertText" : "delete", false, part)) text.setRangeText(part, text.selectionStart, text.selectionEnd, "end");
  caret = text.selectionStart;
}

function dismiss() {
  clearTimeout(timer);
  running?.abort();
  running = null;
  suggestion = "";
  complain("");
  draw();
}

function draw() {
  $("before").textContent = text.value.slice(0, text.selectionEnd);
  $("ghost").textContent = suggestion;
  $("after").textContent = text.value.slice(text.selectionEnd);
  $("accept").disabled = !suggestion;
  $("starters").hidden = text.value !== "";
  text.parentElement.classList.toggle("waiting", running !== null);
}

function announce(words) { $("announcer").textContent = words; }

function complain(words) {
  $("message").textContent = words;
  $("message").hidden = !words;
}

// Asking

async function suggest() {
  dismiss();
  const prompt = text.value.slice(0, text.selectionEnd);
  if (!prompt.trim()) return;
  const mine = (running = new AbortController());
  draw();
  const began = performance.now();
  let first = 0, pieces = 0;
  try {
    for await (const event of complete(prompt, mine.signal)) {
      if (mine !== running) return;
      if (event.error) return complain(explained(event.error));
      const { text: piece, finish_reason: reason } = event.choices[0];
      first ||= performance.now() - began;
      pieces += 1;
      suggestion += piece;
      draw();
      const seconds = (performance.now() - began - first) / 1000;
      const rate = event.usage ? (event.usage.completion_tokens - 1) / (event.timings.decode_ms / 1000) : (pieces - 1) / seconds;
      const dropped = event.window?.dropped_tokens;
      const cut = dropped ? ` · ${dropped} oldest tokens not seen` : "";
      if (pieces > 2) $("speed").value = `${rate.toFixed(0)} tokens/s · first after ${first.toFixed(0)} ms${cut}`;
      if (reason === "content_filter" && !suggestion) complain("Every continuation was rejected by the content filter. Ask for a new suggestion, or write on.");
    }
    if (suggestion) announce(`Suggestion: ${suggestion}`);
  } catch (error) {
    if (error.name !== "AbortError") complain("The service cannot be reached.");
  } finally {
    if (mine === running) {
      running = null;
      draw();
    }
  }
}

function explained({ code, message }) {
  if (code === "content_filter") return "The content filter rejects this text. Change it, and a suggestion will come.";
  if (code === "overloaded") return "The service is busy. Write on, or ask again in a moment.";
  return message[0].toUpperCase() + message.slice(1) + ".";
}

async function* complete(prompt, signal) {
  const answer = await fetch("complete", {
    method: "POST",
    signal,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      prompt,
      stream: true,
      max_tokens: +$("length").value,
      temperature: +$("temperature").value,
      context_window: +$("window").value,
    }),
  });
  if (!answer.ok) return yield await answer.json();
  let pending = "";
  for await (const chunk of chunks(answer.body.pipeThrough(new TextDecoderStream()))) {
    const events = (pending + chunk).split("\n\n");
    pending = events.pop();
    for (const event of events) {
      const data = event.startsWith("data: ") && event.slice(6);
      if (data && data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

async function* chunks(stream) {   // Safari cannot iterate over a stream
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
}
