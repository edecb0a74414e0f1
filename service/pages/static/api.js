// The API as these pages ask it.

import { authorization } from "./access.js";

/** An answer that is an error: RFC 9457, or no answer at all (status 0). */
export class Problem extends Error {
  constructor(status, body = {}) {
    super(body.detail || body.title || `the service answered ${status}`);
    this.status = status;
    this.title = body.title ?? "The service refused";
    this.requestId = body.request_id ?? null;
  }
}

const UNREACHABLE = { title: "No answer", detail: "the service cannot be reached; is it running?" };

/** The whole response. Raises Problem; `json` is sent as such, `body` as it is. */
export async function ask(method, path, { json, body, headers = {}, signal } = {}) {
  const sent = { ...authorization(), ...headers };
  if (json !== undefined) sent["Content-Type"] = "application/json";
  const content = json === undefined ? body : JSON.stringify(json);
  let response;
  try {
    response = await fetch(path, { method, headers: sent, body: content, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, UNREACHABLE);
  }
  if (!response.ok) throw new Problem(response.status, await problemOf(response));
  return response;
}

async function problemOf(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}

/** The JSON of an answer; null where there is none. */
export async function get(path, options) {
  return (await ask("GET", path, options)).json();
}

export async function send(method, path, json, options = {}) {
  const response = await ask(method, path, { ...options, json });
  return response.status === 204 ? null : response.json();
}

/** Posts a form, tells `onProgress` the fraction that was sent. fetch cannot tell that. */
export function sendForm(path, form, headers, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries({ ...authorization(), ...headers })) {
      request.setRequestHeader(name, value);
    }
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress(event.loaded / (event.total || 1));
    request.onerror = () => reject(new Problem(0, UNREACHABLE));
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    request.onload = () => {
      if (request.status < 300) resolve(request.response);
      else reject(new Problem(request.status, request.response ?? {}));
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/** Has the browser keep an answer as a file; with a key a plain link would not do. */
export async function save(path, filename, headers = {}) {
  const response = await ask("GET", path, { headers });
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = filename;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** A new value for Idempotency-Key; randomUUID is missing where there is no https. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
