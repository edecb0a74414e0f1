// Server-sent events by fetch, because an EventSource cannot carry a key.

import { ask } from "./api.js";

export const ENDED = ["succeeded", "failed", "cancelled"];
const PAUSE = 2000; // milliseconds before asking again after a lost connection

/** Every event of a defense, until its last one; goes on after lost connections. */
export async function* events(defenseId, signal) {
  let last = 0;
  while (!signal.aborted) {
    try {
      const headers = { Accept: "text/event-stream", "Last-Event-ID": String(last) };
      const path = `/v1/defenses/${encodeURIComponent(defenseId)}/events`;
      const response = await ask("GET", path, { headers, signal });
      if (response.status === 204) return;
      for await (const event of parsed(response.body)) {
        last = event.sequence;
        yield event;
        if (event.type === "status" && ENDED.includes(event.data.status)) return;
      }
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error.status >= 400 && error.status < 500 && error.status !== 429) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

/** The data of each event in a stream of bytes; blocks are ended by an empty line. */
async function* parsed(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value.replaceAll("\r", "")).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").filter((line) => line.startsWith("data:"));
      if (data.length) yield JSON.parse(data.map((line) => line.slice(5)).join("\n"));
    }
  }
}
