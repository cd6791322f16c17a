// node node.mjs CLIENT URL: what the client has read, as JSON.
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, streamText } from "ai";
import OpenAI from "openai";

const [client, url] = process.argv.slice(2);
const baseURL = `${url}/v1`;
const messages = [{ role: "user", content: "hello" }];

async function joined(parts, text) {
  let whole = "";
  for await (const part of parts) whole += text(part) ?? "";
  return whole;
}

const clients = {
  async openai() {
    const openai = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 });
    const model = "any";
    const chat = await openai.chat.completions.create({ model, messages });
    const chunks = await openai.chat.completions.create({ model, messages, stream: true });
    const completion = await openai.completions.create({ model, prompt: "hello", max_tokens: 4096 });
    const response = await openai.responses.create({ model, input: "hello" });
    return [
      chat.choices[0].message.content,
      await joined(chunks, (chunk) => chunk.choices[0].delta.content),
      completion.choices[0].text,
      response.output_text,
    ];
  },
  async "ai-sdk"() {
    const provider = createOpenAI({ baseURL, apiKey: "none" });
    const asked = { system: "be brief", messages, maxRetries: 0 };
    const texts = [];
    for (const model of [provider("any"), provider.chat("any"), provider.completion("any")]) {
      texts.push((await generateText({ model, ...asked })).text);
      texts.push(await joined(streamText({ model, ...asked }).textStream, (text) => text));
    }
    return texts;
  },
};

console.log(JSON.stringify(await clients[client]()));
