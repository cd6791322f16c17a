// A React component whose textarea is completed. `npm install` in this folder, then
//     npx esbuild react.jsx --bundle --jsx=automatic --outfile=react.bundle.js
// and a page with <div id="root"></div> and that script.

import { useEffect, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { attach } from "autocomplete-text";

/** A textarea with ghost text; `options` as for attach, all else as for a textarea. */
export function CompletedTextarea({ options, ...properties }) {
  const field = useRef(null);
  useEffect(() => {
    const attachment = attach(field.current, options);
    return () => attachment.detach();
  }, [options]);
  return <textarea ref={field} {...properties} />;
}

const service = new URLSearchParams(location.search).get("service") ?? "http://127.0.0.1:8000";
const options = { url: service, request: { max_tokens: 16 } };   // outside: a new object would attach anew

function Letter() {
  const [text, setText] = useState("");
  return (
    <label>
      Letter, {text.length} characters
      <CompletedTextarea options={options} value={text} onChange={(event) => setText(event.target.value)} rows={8} />
    </label>
  );
}

createRoot(document.getElementById("root")).render(<Letter />);
