/**
 * Completes what a person types: ghost text in a textarea, an input or a contenteditable.
 *
 *     import { attach } from "https://service.example/autocomplete.js";
 *     attach(document.querySelector("textarea"), { url: "https://service.example", key: "…" });
 *
 * Nothing else is needed. Options, events and keys: docs/embedding.md; types: autocomplete.d.ts.
 */

const CUT = 1024;         // the service counts the cuts of a long text in the same steps
const SUFFIX = 256;       // characters of the text behind the caret that are sent
const REMEMBERED = 250;   // answers
const LONGEST_WAIT = 30;  // seconds between attempts while the service does not answer
const REQUEST = { max_tokens: 8, temperature: 0, repetition_penalty: 1, min_confidence: 0.4 };
const NEWER = ["session", "suffix", "phrases", "alternatives", "min_confidence", "until", "token_healing"];
const OPTIONS = {
  url: import.meta.url ? new URL(".", import.meta.url).href : "/",   // a bundle need not know where it came from
  key: "",
  request: {},
  tail: 4096,
  credentials: "omit",    // a 401 then opens no dialog of the browser
  labels: { suggestion: "Suggestion: {text}. Tab accepts.", accepted: "Accepted: {text}" },
};

/** Why the service gave no suggestion; `retryAfter` in seconds, where it will be asked again. */
export class AutocompleteError extends Error {
  constructor(code, message, retryAfter = null) {
    super(message);
    Object.assign(this, { name: "AutocompleteError", code, retryAfter });
  }
}

/** Suggestions of a service: at most one request in flight, answers remembered by what was typed. */
export class Suggestions {
  requests = 0;
  #options = OPTIONS;
  #remembered = [];       // newest first
  #running = null;        // AbortController of the request in flight
  #refused = new Set();   // fields of requests that this service does not know
  #resume = 0;            // when it may be asked again
  #failures = 0;
  #session = crypto.getRandomValues(new Uint32Array(4)).join("-");

  /** `onerror` is called with each AutocompleteError; `ask` itself never throws. */
  constructor(options = {}, onerror = () => {}) {
    this.onerror = onerror;
    this.configure(options);
  }

  get request() { return { ...REQUEST, ...this.#options.request }; }

  /** Change options; what was remembered is forgotten, and a service that refused is asked again. */
  configure(options) {
    this.#options = { ...this.#options, ...options };
    this.cancel();
    this.#remembered = [];
    this.#resume = this.#failures = 0;
  }

  /** End the request in flight. */
  cancel() {
    this.#running?.abort();
    this.#running = null;
  }

  /** What is known to follow `before`, without a request; null where the service must be asked. */
  known(before, after = "") {
    const suffix = firstCharacters(after, SUFFIX);
    let found = null;
    for (const entry of this.#remembered) {
      const typed = before.length - entry.length;
      if (typed < 0 || (found && typed >= found.typed) || entry.suffix !== suffix) continue;
      if (!before.startsWith(entry.prompt, entry.length - entry.prompt.length)) continue;
      const choices = this.#agreeing(entry, before.slice(entry.length));
      if (!typed || choices.length) found = { typed, entry, choices };
    }
    return found && { entry: found.entry, choices: found.choices, text: found.choices[0]?.text ?? "" };
  }

  /** What follows `before`; the request before it ends. Null: it ended itself, or there was an error. */
  async ask(before, after = "") {
    this.cancel();
    const running = (this.#running = new AbortController());
    const entry = { length: before.length, suffix: firstCharacters(after, SUFFIX) };
    try {
      const answer = await this.#post(entry, before, running.signal);
      if (running.signal.aborted) return null;
      this.#remember({ ...entry, answer, choices: this.#choices(answer.choices[0]) });
      return this.known(before, after);
    } catch (error) {
      if (!running.signal.aborted) this.onerror(error);
      return null;
    } finally {
      if (this.#running === running) this.#running = null;
    }
  }

  /** What is known, or what the service says. */
  async suggest(before, after = "") {
    return this.known(before, after) ?? this.ask(before, after);
  }

  /** Show nothing for this text. */
  silence(before, after = "") {
    const suffix = firstCharacters(after, SUFFIX);
    this.#remember({ prompt: before, length: before.length, suffix, choices: [], answer: null });
  }

  /** Ask again where this text comes again. */
  forget(before, after = "") {
    const suffix = firstCharacters(after, SUFFIX);
    this.#remembered = this.#remembered.filter(
      (entry) => entry.suffix !== suffix || entry.length > before.length || !before.startsWith(
        entry.prompt, entry.length - entry.prompt.length));
  }

  /** The next alternative becomes the suggestion, or with -1 the one before. */
  turn({ entry, choices }, steps = 1) {
    const kept = choices.map((choice) => choice.source);
    const others = entry.choices.filter((choice) => !kept.includes(choice));
    entry.choices = [...kept.slice(steps), ...kept.slice(0, steps), ...others];
  }

  #agreeing(entry, typed) {
    return entry.choices
      .filter((choice, index) => choice.text.length > typed.length && choice.text.startsWith(typed)
        && (!typed || index === 0 || this.#sure(choice)))
      .map((source) => ({ text: source.text.slice(typed.length), confidence: source.confidence, source }));
  }

  #sure({ confidence }) { return !(confidence < this.request.min_confidence); }

  #choices(choice) {
    if (!choice.text.trim() || !this.#sure(choice)) return [];
    const texts = new Set();
    return [choice, ...(choice.alternatives ?? [])]
      .map(({ text, confidence }) => ({ text: text.split("\ufffd")[0], confidence }))
      .filter(({ text }) => text.trim() && !texts.has(text) && texts.add(text));
  }

  #remember(entry) {
    const same = (other) => other.length === entry.length && other.suffix === entry.suffix
      && other.prompt.endsWith(entry.prompt);
    this.#remembered = [entry, ...this.#remembered.filter((other) => !same(other))].slice(0, REMEMBERED);
  }

  async #post(entry, before, signal) {
    for (;;) {
      await this.#pause(signal);
      entry.prompt = lastCharacters(before, this.#options.tail);
      const body = this.#body(entry);
      const response = await this.#send(body, signal);
      const answer = await response.json().catch(() => ({}));
      if (response.ok && answer.choices) {
        this.#failures = 0;
        return answer;
      }
      const { code = "unexpected_answer", message = `status ${response.status}`, field } = answer.error ?? {};
      if (code === "content_filter") return { choices: [{ text: "", finish_reason: code }] };
      if (response.status === 422 && this.#adapt(field?.split(".")[0], body)) continue;
      this.#fail(response, code, message);
    }
  }

  #body({ prompt, suffix }) {
    const body = { prompt, ...this.request, session: this.#session };
    if (suffix) body.suffix = suffix;
    for (const field of this.#refused) delete body[field];
    return body;
  }

  async #send(body, signal) {
    const { url, key, credentials } = this.#options;
    this.requests += 1;
    try {
      return await fetch(new URL("complete", new URL(url.replace(/\/?$/, "/"), document.baseURI)), {
        method: "POST",
        headers: { "Content-Type": "application/json", ...(key && { Authorization: `Bearer ${key}` }) },
        body: JSON.stringify(body),
        credentials,
        signal,
      });
    } catch (error) {
      if (signal.aborted) throw error;
      throw this.#later("unreachable", "the service cannot be reached");
    }
  }

  /** Ask for less of a service that takes no texts so long, or does not know a field and does not say which. */
  #adapt(field, body) {
    if (field === "prompt") {
      if (this.#options.tail <= CUT) return false;
      this.#options = { ...this.#options, tail: Math.max(CUT, this.#options.tail / 2) };
      return true;
    }
    const refused = (field ? [field] : NEWER).find((name) => name in body);
    if (!refused) return false;
    this.#refused.add(refused);
    console.warn(`autocomplete: asking without ${refused}, which the service may not know`);
    return true;
  }

  /** Returns where the same request is worth another attempt, else throws. */
  #fail(response, code, message) {
    if (response.status === 401 || response.status === 403) {
      this.#resume = Infinity;   // until there is another key
      throw new AutocompleteError(code, message);
    }
    if (response.status !== 429 && response.status !== 503) throw this.#later(code, message);
    const told = response.headers.get("Retry-After") ?? 1;
    const seconds = Number.isNaN(+told) ? (Date.parse(told) - Date.now()) / 1000 : +told;
    this.#resume = Date.now() + seconds * 1000;
    this.onerror(new AutocompleteError(code, message, seconds));
  }

  #later(code, message) {
    const seconds = Math.min(2 ** this.#failures++, LONGEST_WAIT);
    this.#resume = Date.now() + seconds * 1000;
    return new AutocompleteError(code, message, seconds);
  }

  #pause(signal) {
    const wait = this.#resume - Date.now();
    if (wait <= 0) return null;
    return new Promise((proceed, stop) => {
      const timer = wait < Infinity && setTimeout(proceed, wait);
      signal.addEventListener("abort", () => { clearTimeout(timer); stop(signal.reason); });
    });
  }
}

/** Suggestions for what is typed into an element; returns what holds them, to be ended by `detach()`. */
export function attach(element, options = {}) {
  return new Attachment(element, options);
}

class Attachment {
  suggestion = null;      // what the ghost shows
  #place = null;          // the text around the caret that it belongs to
  #composing = false;
  #touchKeyboard = false;
  #inserting = false;
  #turns = 0;
  #counts = { keys: 0, shown: 0, accepted: 0 };
  #accepted = [];
  #ended = new AbortController();
  #timers = {};

  constructor(element, options) {
    this.element = element;
    this.labels = { ...OPTIONS.labels, ...options.labels };
    this.field = fieldOf(element);
    this.source = new Suggestions(options, (error) => this.#tell("error", error));
    this.ghost = new Ghost(element, () => this.accept());
    element.setAttribute("aria-autocomplete", "inline");
    const on = (target, names, listener, capture = false) => names.split(" ").forEach((name) =>
      target.addEventListener(name, listener, { capture, signal: this.#ended.signal }));
    on(element, "keydown", (event) => this.#pressed(event), true);
    on(element, "input", (event) => this.#typed(event));
    on(element, "compositionstart compositionend", (event) => this.#composed(event));
    on(element, "blur", () => this.#leave());
    on(element, "scroll", () => this.#draw());
    on(document, "selectionchange", () => this.#moved());
    const resized = new ResizeObserver(() => this.#draw());
    resized.observe(element);
    this.#ended.signal.addEventListener("abort", () => resized.disconnect());
  }

  /** Counted in this page and sent nowhere; `kept`: accepted texts that still stand in the field. */
  get counters() {
    const text = this.field.text();
    const kept = this.#accepted.filter((part) => text.includes(part)).length;
    return { ...this.#counts, kept, requests: this.source.requests };
  }

  /** The suggestion that is shown, empty where none is. */
  get text() { return this.suggestion?.text ?? ""; }

  configure(options) {
    this.labels = { ...this.labels, ...options.labels };
    this.source.configure(options);
    this.#leave();
  }

  detach() {
    this.#leave();
    this.#ended.abort();
    this.ghost.remove();
    this.element.removeAttribute("aria-autocomplete");
  }

  /** Ask for this text, also where an answer is known or was dismissed. */
  ask() {
    const place = this.field.place();
    if (place) this.source.forget(place.before, place.after);
    this.#place = null;
    this.#update();
  }

  /** Write the suggestion, or its beginning, into the text; the browser can undo it. */
  accept(part = this.text) {
    if (!part || !this.#stands()) return false;
    this.#inserting = true;
    this.field.insert(part);
    this.#inserting = false;
    this.#counts.accepted += 1;
    this.#accepted.push(part);
    this.ghost.say(this.labels.accepted.replace("{text}", part));
    this.#tell("accept", { text: part });
    this.#update();
    return true;
  }

  acceptWord() { return this.accept(firstWord(this.#place?.before ?? "", this.text, this.element.lang)); }

  /** Show the next alternative, or with -1 the one before. */
  turn(steps = 1) {
    if (!this.suggestion || this.suggestion.choices.length < 2 || !this.#stands()) return false;
    this.source.turn(this.suggestion, steps);
    this.#turns += steps;
    this.#show(this.source.known(this.#place.before, this.#place.after));
    return true;
  }

  /** Hide the suggestion and keep quiet until the text is another one. */
  dismiss() {
    if (!this.text) return false;
    this.source.silence(this.#place.before, this.#place.after);
    this.#leave();
    this.#tell("dismiss", {});
    return true;
  }

  #pressed(event) {
    this.#touchKeyboard = event.keyCode === 229 && event.key === "Unidentified";
    if (event.isComposing || event.keyCode === 229 || !this.text || !this.#command(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Whether a key was one of ours. */
  #command(event) {
    const { key, code, altKey, ctrlKey, metaKey, shiftKey } = event;
    const plain = !altKey && !ctrlKey && !metaKey && !shiftKey;
    const forward = getComputedStyle(this.element).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    if (plain && key === "Tab") return this.accept();
    if (plain && key === "Escape") return this.dismiss();
    if (key === forward && !shiftKey && (altKey || ctrlKey || metaKey)) return this.acceptWord();
    if (altKey && !ctrlKey && (key === "]" || code === "BracketRight")) return this.turn(1);
    if (altKey && !ctrlKey && (key === "[" || code === "BracketLeft")) return this.turn(-1);
    if (!plain || this.#place.after.trim()) return false;
    if (key === "ArrowDown") return this.turn(1);
    return key === "ArrowUp" && this.#turns > 0 && this.turn(-1);
  }

  #typed(event) {
    if (this.#inserting) return;
    this.#counts.keys += 1;
    this.#composing = event.isComposing ?? false;
    this.#update(event.data);
  }

  #composed({ type, data }) {
    this.#composing = type === "compositionstart";
    this.#update(data);
  }

  /** A touch keyboard composes each word, of scripts whose words it takes as they are typed. */
  #converting(data) { return this.#composing && !(this.#touchKeyboard && !CONVERTED.test(data ?? "")); }

  /** Show what is known for the text as it is now, or ask for it at once. */
  #update(data) {
    const place = this.#converting(data) ? null : this.field.place();
    if (same(place, this.#place)) return;
    this.#place = place;
    this.#turns = 0;
    const known = place && this.source.known(place.before, place.after);
    this.source.cancel();
    this.#show(known);
    if (!place || known) return;
    this.#tell("ask", {});
    this.source.ask(place.before, place.after).then((found) => {
      if (!this.#stands(place)) return;
      if (found) this.#tell("answer", found.entry.answer);
      this.#show(found);
    });
  }

  /** Whether the field's text is still the one that a place was read from. */
  #stands(place = this.#place) { return same(place, this.field.place()); }

  #moved() {
    if (this.#place && !this.#inserting && !this.#stands()) this.#leave();
  }

  #leave() {
    this.source.cancel();
    this.#place = null;
    this.#show(null);
  }

  #show(suggestion) {
    const was = this.suggestion;
    this.suggestion = suggestion?.text ? suggestion : null;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#draw();
    if (!this.suggestion) {
      if (was) this.#tell("hide", {});
      return;
    }
    if (was?.entry !== suggestion.entry) this.#counts.shown += 1;
    const choices = suggestion.choices.map(({ text, confidence }) => ({ text, confidence }));
    this.#tell("show", { text: this.text, choices });
    const said = this.labels.suggestion.replace("{text}", this.text);
    this.#timers.say = setTimeout(() => this.ghost.say(said), 1000);   // not while the person types
    this.#timers.watch = setInterval(() => this.#moved(), 200);        // a script's change fires no event
  }

  #draw() {
    if (this.text) this.ghost.draw(this.text, this.field);
    else this.ghost.clear();
  }

  #tell(name, detail) {
    this.element.dispatchEvent(new CustomEvent(`autocomplete-${name}`, { detail, bubbles: true, composed: true }));
  }
}

/** Scripts whose compositions are converted before they are text. */
const CONVERTED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}]/u;
const SECRET = /\b(current-password|new-password|one-time-code|cc-\S+)/;
const RIGHT_TO_LEFT = /^\P{L}*[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const BLOCK = /^(ADDRESS|ARTICLE|ASIDE|BLOCKQUOTE|DD|DIV|DL|DT|FIGURE|H\d|HR|LI|OL|P|PRE|SECTION|TABLE|TD|TH|TR|UL)$/;
const FONT = ["font-family", "font-size", "font-style", "font-weight", "font-stretch", "font-variant",
  "font-feature-settings", "font-variation-settings", "font-kerning", "letter-spacing", "word-spacing",
  "line-height", "text-transform", "tab-size", "direction"];
const LAYOUT = ["padding-top", "padding-right", "padding-bottom", "padding-left", "text-align", "text-indent",
  "white-space", "overflow-wrap", "word-break", "line-break", "unicode-bidi"];

function same(one, other) {
  return Boolean(one && other) && one.before === other.before && one.after === other.after;
}

function fieldOf(element) {
  if (element.isContentEditable) return new EditableField(element);
  const textarea = element.localName === "textarea";
  const input = element.localName === "input" && ["text", "search"].includes(element.type);
  if (textarea || (input && !SECRET.test(element.autocomplete))) return new TextField(element, input);
  throw new TypeError("attach: a textarea, a text input that holds no secret, or a contenteditable is needed");
}

class Field {
  /** The text around the caret, or null where nothing is to be suggested. */
  place() {
    const place = this.usable() ? this.read() : null;
    return place?.before.trim() && !/^[\p{L}\p{N}\p{M}]/u.test(place.after) ? place : null;
  }
}

class TextField extends Field {
  constructor(element, single) {
    super();
    this.element = element;
    this.single = single;
    this.type = element.type;
  }

  text() { return this.element.value; }

  usable() {
    const { element } = this;
    return !element.readOnly && !element.disabled && element.type === this.type && !SECRET.test(element.autocomplete);
  }

  read() {
    const { value, selectionStart, selectionEnd } = this.element;
    if (selectionStart !== selectionEnd) return null;
    return { before: value.slice(0, selectionStart), after: value.slice(selectionEnd) };
  }

  insert(text) {
    const { element, single } = this;
    const written = single ? text.replace(/\s*\n\s*/g, " ") : text;
    element.focus();
    this.#endUndoStep();
    const done = document.execCommand("insertText", false, written);   // the one way that can be undone
    this.#endUndoStep();
    if (done) return;
    element.setRangeText(written, element.selectionStart, element.selectionEnd, "end");
    element.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertText", data: written }));
  }

  /** Chromium undoes together what was typed and written in one place; a caret that moved parts it. */
  #endUndoStep() {
    const caret = this.element.selectionEnd;
    this.element.setSelectionRange(0, 0);
    this.element.setSelectionRange(caret, caret);
  }

  /** Where the caret is on the screen, measured in a hidden copy of the text. */
  caret(mirror) {
    const { element, single } = this;
    const { before, after } = this.read();
    const style = getComputedStyle(element);
    for (const name of [...FONT, ...LAYOUT]) mirror.style.setProperty(name, style.getPropertyValue(name));
    mirror.style.width = `${element.clientWidth}px`;
    const mark = document.createElement("span");
    mark.textContent = "\u200b";
    mirror.replaceChildren(before, mark, after.split("\n", 1)[0]);
    const [copy, at] = [mirror.getBoundingClientRect(), mark.getBoundingClientRect()];
    const box = contentBox(element, style);
    const left = box.left - parseFloat(style.paddingLeft) + at.left - copy.left - element.scrollLeft;
    const top = single ? (box.top + box.bottom - at.height) / 2
      : box.top - parseFloat(style.paddingTop) + at.top - copy.top - element.scrollTop;
    return { left, top, bottom: top + at.height, box, style, after, single };
  }
}

class EditableField extends Field {
  constructor(element) {
    super();
    this.element = element;
  }

  text() { return lines(this.element, null, 0).text; }

  usable() { return this.element.isContentEditable; }

  #selection() { return this.element.getRootNode().getSelection?.() ?? getSelection(); }

  read() {
    const { isCollapsed, focusNode, focusOffset } = this.#selection();
    if (!isCollapsed || !this.element.contains(focusNode)) return null;
    const { text, caret } = lines(this.element, focusNode, focusOffset);
    return { before: text.slice(0, caret), after: text.slice(caret) };
  }

  insert(text) {
    this.element.focus();
    this.#endUndoStep();
    document.execCommand("insertText", false, text);
    this.#endUndoStep();
  }

  #endUndoStep() {
    const selection = this.#selection();
    const { focusNode, focusOffset } = selection;
    selection.collapse(this.element, 0);
    selection.collapse(focusNode, focusOffset);
  }

  caret() {
    const range = this.#selection().getRangeAt(0);
    const node = range.startContainer;
    const holder = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
    const at = [...range.getClientRects()].at(-1) ?? (node.childNodes[range.startOffset] ?? holder).getBoundingClientRect();
    let block = holder;
    while (block !== this.element && getComputedStyle(block).display.startsWith("inline")) block = block.parentElement;
    const { left, right } = contentBox(block, getComputedStyle(block));
    const { top, bottom } = this.element.getBoundingClientRect();
    const box = { left, right, top, bottom };
    const { after } = this.read();
    return { left: at.left, top: at.top, bottom: at.bottom, box, style: getComputedStyle(holder), after };
  }
}

/** The words beside the caret, drawn over the page; what a screen reader says of them. */
class Ghost {
  #host = document.createElement("autocomplete-ghost");
  #mirror = document.createElement("div");
  #block = document.createElement("div");
  #text = document.createElement("span");
  #status = document.createElement("div");

  constructor(element, accept) {
    this.#host.style.cssText = "all: initial; position: absolute; left: 0; top: 0; width: 0; height: 0; z-index: 1; pointer-events: none";
    const root = this.#host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    this.#mirror.className = "mirror";
    this.#block.className = "ghost";
    this.#block.part = "ghost";
    this.#text.part = "text";
    for (const part of [this.#mirror, this.#block]) part.ariaHidden = "true";
    this.#status.className = "status";
    this.#status.role = "status";
    this.#block.append(this.#text);
    root.append(this.#mirror, this.#block, this.#status);
    this.#text.addEventListener("pointerdown", (event) => {   // on a phone, where there is no Tab
      event.preventDefault();
      accept();
    });
    element.after(this.#host);
    this.clear();
  }

  remove() { this.#host.remove(); }

  clear() { this.#block.hidden = true; }

  say(words) { this.#status.textContent = words; }

  draw(text, field) {
    const at = field.caret(this.#mirror);
    const visible = at.bottom > at.box.top && at.top < at.box.bottom;
    this.#block.hidden = !visible;
    if (!visible) return;
    for (const name of FONT) this.#block.style.setProperty(name, at.style.getPropertyValue(name));
    this.#block.style.setProperty("--ink", at.style.color);
    this.#text.textContent = text;
    if (!this.#drawInline(text, at)) this.#drawBubble(field.element, at);
  }

  /** After the caret, where that covers no other text and leaves no part outside of the field. */
  #drawInline(text, { left, top, box, style, after, single }) {
    const rightToLeft = style.direction === "rtl";
    const [line, ...below] = after.split("\n");
    const block = this.#block;
    block.className = "ghost";
    block.dir = "";
    this.#text.prepend("\u200b");   // a line may break before the first word
    this.#move(box.left, top);
    block.style.width = `${box.right - box.left}px`;
    block.style.textIndent = `${rightToLeft ? box.right - left : left - box.left}px`;
    block.style.whiteSpace = single ? "pre" : "pre-wrap";
    const rects = [...this.#text.getClientRects()];
    this.#move(box.left, 2 * top - rects[0].top);
    const bottom = rects.at(-1).bottom + top - rects[0].top;
    const wraps = rects.at(-1).top - rects[0].top > 1;
    const beside = rects.some((rect) => rect.right > box.right + 1 || rect.left < box.left - 1);
    const covers = line.trim() || (wraps && below.some((other) => other.trim()));
    return !covers && !beside && bottom <= box.bottom + 2 && RIGHT_TO_LEFT.test(text) === rightToLeft;
  }

  /** Below the caret, on a ground of its own. */
  #drawBubble(element, { left, bottom, box, style }) {
    const block = this.#block;
    block.className = "ghost bubble";
    block.dir = "auto";
    this.#text.textContent = this.#text.textContent.replace("\u200b", "");
    block.style.setProperty("--ground", ground(element));
    block.style.textIndent = "0";
    block.style.whiteSpace = "pre-wrap";
    block.style.width = "max-content";
    block.style.maxWidth = `${Math.max(box.right - box.left, 160)}px`;
    const { width } = block.getBoundingClientRect();
    const start = style.direction === "rtl" ? left - width : left;
    this.#move(Math.max(box.left, Math.min(start, box.right - width)), bottom + 3);
  }

  #move(left, top) {
    const origin = this.#host.getBoundingClientRect();
    this.#block.style.left = `${left - origin.left}px`;
    this.#block.style.top = `${top - origin.top}px`;
  }
}

const STYLE = `
  .mirror { position: absolute; left: 0; top: 0; box-sizing: border-box; visibility: hidden; }
  .ghost { position: absolute; margin: 0; overflow-wrap: break-word; }
  .ghost[hidden] { display: none; }
  .ghost span { color: var(--autocomplete-ghost, color-mix(in srgb, var(--ink) 62%, transparent)); }
  .bubble { padding: .1em .45em; border-radius: .35em; background: var(--ground);
    border: 1px solid color-mix(in srgb, var(--ink) 30%, var(--ground)); box-shadow: 0 2px 8px #0003; }
  .status { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  @media (pointer: coarse) { .ghost span { pointer-events: auto; } }
  @media (prefers-contrast: more) { .ghost span { text-decoration: underline dotted; } }
  @media (forced-colors: active) {
    .ghost span { color: GrayText; font-style: italic; text-decoration: underline dotted; }
    .bubble { background: Canvas; border-color: CanvasText; }
  }`;

function contentBox(element, style) {
  const { left, top } = element.getBoundingClientRect();
  const start = left + element.clientLeft, head = top + element.clientTop;
  return {
    left: start + parseFloat(style.paddingLeft),
    right: start + element.clientWidth - parseFloat(style.paddingRight),
    top: head + parseFloat(style.paddingTop),
    bottom: head + element.clientHeight - parseFloat(style.paddingBottom),
  };
}

/** The colour that an element stands on. */
function ground(element) {
  for (let at = element; at; at = at.parentElement) {
    const { backgroundColor } = getComputedStyle(at);
    if (!/^rgba\(.*, 0\)$/.test(backgroundColor)) return backgroundColor;
  }
  return "Canvas";
}

/** The text of an element as a person reads it, and where in it a place of the document is. */
function lines(root, node, offset) {
  const collapses = !/pre|break-spaces/.test(getComputedStyle(root).whiteSpace);
  const read = (data) => (collapses ? data.replace(/[ \t\n\r]+/g, " ") : data).replaceAll("\u00a0", " ");
  let text = "", caret = null;
  const visit = (parent) => {
    parent.childNodes.forEach((child, index) => {
      const block = BLOCK.test(child.nodeName);
      if (block && text && !text.endsWith("\n")) text += "\n";
      if (parent === node && index === offset) caret ??= text.length;
      if (child.nodeType === Node.TEXT_NODE) {
        if (child === node) caret = text.length + read(child.data.slice(0, offset)).length;
        text += read(child.data);
      } else if (child.nodeName === "BR") text += "\n";
      else visit(child);
      if (block && child.nextSibling && !text.endsWith("\n")) text += "\n";
    });
    if (parent === node) caret ??= text.length;
  };
  visit(root);
  return { text, caret };
}

/** The end of a text; what is cut are whole steps of 1,024 characters from its start. */
function lastCharacters(text, most) {
  const whole = text.replace(/\p{Surrogate}/gu, "\ufffd");
  if (whole.length <= most) return whole;
  const characters = [...whole];   // as the service counts
  return characters.slice(Math.ceil(Math.max(0, characters.length - most) / CUT) * CUT).join("");
}

function firstCharacters(text, most) {
  return [...text.slice(0, 2 * most)].slice(0, most).join("").replace(/\p{Surrogate}/gu, "\ufffd");
}

/** What of a suggestion ends with its first word, by UAX #29 where the browser has it. */
function firstWord(before, suggestion, language) {
  const context = before.slice(-64);
  if (!Intl.Segmenter) return suggestion.match(/^[^\p{L}\p{N}]*[\p{L}\p{N}\p{M}'’]+/u)?.[0] ?? suggestion;
  const segments = new Intl.Segmenter(language || undefined, { granularity: "word" }).segment(context + suggestion);
  for (const { index, segment, isWordLike } of segments) {
    const end = index + segment.length - context.length;
    if (isWordLike && end > 0) return suggestion.slice(0, end);
  }
  return suggestion;
}

/** `<autocomplete-text>`: completes the field inside of it, or a textarea that it makes. */
export class AutocompleteText extends (globalThis.HTMLElement ?? Object) {
  static requests = ["max-tokens", "temperature", "min-confidence", "alternatives", "until"];
  static observedAttributes = ["url", "key", ...AutocompleteText.requests];

  connectedCallback() {
    if (document.readyState === "loading") {   // its content is not there yet
      document.addEventListener("DOMContentLoaded", () => this.isConnected && this.connectedCallback(), { once: true });
      return;
    }
    this.field = this.querySelector("textarea, input, [contenteditable]") ?? this.#made();
    this.attachment = attach(this.field, this.#options());
  }

  disconnectedCallback() {
    this.attachment?.detach();
    this.attachment = null;
  }

  attributeChangedCallback() { this.attachment?.configure(this.#options()); }

  get value() { return this.field.value ?? this.field.innerText; }

  set value(text) {
    if ("value" in this.field) this.field.value = text;
    else this.field.textContent = text;
  }

  #made() {
    const field = this.appendChild(document.createElement("textarea"));
    for (const name of ["name", "rows", "placeholder", "required", "aria-label", "lang", "dir"]) {
      if (this.hasAttribute(name)) field.setAttribute(name, this.getAttribute(name));
    }
    return field;
  }

  #options() {
    const request = {};
    for (const name of AutocompleteText.requests.filter((name) => this.hasAttribute(name))) {
      const value = this.getAttribute(name);
      request[name.replace("-", "_")] = name === "until" ? value : Number(value);
    }
    const options = { request };
    for (const name of ["url", "key"]) if (this.hasAttribute(name)) options[name] = this.getAttribute(name);
    return options;
  }
}

if (globalThis.customElements && !customElements.get("autocomplete-text")) {
  customElements.define("autocomplete-text", AutocompleteText);
}
