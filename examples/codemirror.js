// Inline completion for CodeMirror 6. `npm install` in this folder, then
//     npx esbuild codemirror.js --bundle --outfile=codemirror.bundle.js
// and a page with <div id="root"></div> and that script.

import { Prec, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, WidgetType, keymap } from "@codemirror/view";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { Suggestions } from "autocomplete-text";

class Ghost extends WidgetType {
  constructor(text) { super(); this.text = text; }
  eq(other) { return other.text === this.text; }
  toDOM() {
    const span = document.createElement("span");
    Object.assign(span, { className: "ghost", textContent: this.text, ariaHidden: "true" });
    span.style.opacity = "0.6";
    return span;
  }
}

const show = StateEffect.define();   // the text to suggest at the caret
const suggestion = StateField.define({
  create: () => "",
  update: (text, { effects, docChanged, selection }) =>
    effects.find((effect) => effect.is(show))?.value ?? (docChanged || selection ? "" : text),
  provide: (field) => EditorView.decorations.compute([field, "selection"], (state) => {
    const ghost = Decoration.widget({ widget: new Ghost(state.field(field)), side: 1 });
    return state.field(field) ? Decoration.set(ghost.range(state.selection.main.head)) : Decoration.none;
  }),
});

/** Extensions for an editor; `options` as for attach. */
export function inlineCompletion(options) {
  const source = new Suggestions(options);
  const asked = EditorView.updateListener.of(async ({ docChanged, state, view }) => {
    const { head } = state.selection.main;
    if (!docChanged || view.composing) return;
    const found = await source.suggest(state.sliceDoc(0, head), state.sliceDoc(head));
    const same = view.state.doc === state.doc && view.state.selection.main.head === head;
    if (found && same) view.dispatch({ effects: show.of(found.text) });
  });
  const accept = (view) => {
    const text = view.state.field(suggestion);
    if (text) view.dispatch(view.state.replaceSelection(text), { userEvent: "input.complete" });
    return Boolean(text);
  };
  const keys = [{ key: "Tab", run: accept }, { key: "Escape", run: (view) => !view.dispatch({ effects: show.of("") }) }];
  return [suggestion, asked, Prec.highest(keymap.of(keys))];
}

const service = new URLSearchParams(location.search).get("service") ?? "http://127.0.0.1:8000";
const extensions = [history(), inlineCompletion({ url: service }), keymap.of([...defaultKeymap, ...historyKeymap])];
new EditorView({ parent: document.getElementById("root"), extensions });
