// The openai package in a page: `ask(url)` is what it has read.
import OpenAI from "openai";

globalThis.ask = async (url) => {
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, dangerouslyAllowBrowser: true });
  const chat = await openai.chat.completions.create({ model: "any", messages: [{ role: "user", content: "hello" }] });
  const stream = await openai.responses.create({ model: "any", input: "hello", stream: true });
  let text = "";
  for await (const event of stream) if (event.type === "response.output_text.delta") text += event.delta;
  return [chat.choices[0].message.content, text];
};
