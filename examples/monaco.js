// Inline completion for Monaco, the editor of VS Code. `npm install` in this folder, then
//     npx esbuild monaco.js --bundle --loader:.ttf=dataurl --outfile=monaco.bundle.js
// and a page with <div id="root" style="height: 20rem"></div>, monaco.bundle.css and that script.

import * as monaco from "monaco-editor";
import { Suggestions } from "autocomplete-text";

/** Complete the models of a language; `options` as for attach. */
export function inlineCompletion(language, options) {
  const source = new Suggestions(options);
  return monaco.languages.registerInlineCompletionsProvider(language, {
    async provideInlineCompletions(model, position) {
      const text = model.getValue();
      const offset = model.getOffsetAt(position);
      const found = await source.suggest(text.slice(0, offset), text.slice(offset));
      const range = monaco.Range.fromPositions(position);
      return { items: (found?.choices ?? []).map((choice) => ({ insertText: choice.text, range })) };
    },
    disposeInlineCompletions() {},
  });
}

const service = new URLSearchParams(location.search).get("service") ?? "http://127.0.0.1:8000";
inlineCompletion("plaintext", { url: service });
monaco.editor.create(document.getElementById("root"), {
  language: "plaintext",
  inlineSuggest: { enabled: true },
  quickSuggestions: false,
  wordBasedSuggestions: "off",
});
