// Reads a JSON array of diagrams from standard input; prints for each what Mermaid understood:
// {"messages": [[from, to, text], …], "actors": [name, …]} or {"error": text}.
import { JSDOM } from "jsdom";

const { window } = new JSDOM("");
globalThis.window = window;
globalThis.document = window.document;
const { default: mermaid } = await import("mermaid");

// entities as Mermaid keeps them until it draws
const plain = (text) => text.replace(/ﬂ°°(\d+)¶ß/g, (_, code) => String.fromCodePoint(Number(code)));

let input = "";
for await (const piece of process.stdin) input += piece;
const results = [];
for (const diagram of JSON.parse(input)) {
  try {
    await mermaid.parse(diagram); // what a page does, and it loads the kinds of diagrams
    const { db } = await mermaid.mermaidAPI.getDiagramFromText(diagram);
    results.push({
      actors: [...db.getActors().values()].map((actor) => plain(actor.description)),
      messages: db.getMessages().map((one) => [one.from, one.to, plain(one.message)]),
    });
  } catch (error) {
    results.push({ error: String(error) });
  }
}
console.log(JSON.stringify(results));
