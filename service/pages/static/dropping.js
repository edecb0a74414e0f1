// A place for files: to drop them, or to choose them by mouse or keyboard.

import { announce, el, refill } from "./dom.js";
import { bytes } from "./showing.js";

let made = 0;

/** `onFiles` gets a non-empty list. The input is a real one, so that it works without dragging. */
export function dropZone(label, hint, onFiles, { accept = "", multiple = false } = {}) {
  const id = `drop-${++made}`;
  const input = el("input", { type: "file", id, accept, multiple, "aria-describedby": `${id}-hint` });
  const chosen = el("p", { class: "chosen" });
  const zone = el(
    "div",
    { class: "drop" },
    el("label", { for: id }, label),
    el("small", { id: `${id}-hint` }, hint),
    input,
    chosen,
  );
  const take = (files) => {
    if (!files.length) return;
    const told = files.map((file) => `${file.name} (${bytes(file.size)})`).join(", ");
    refill(chosen, told);
    announce(`${label}: ${told}`);
    onFiles(files);
  };
  input.addEventListener("click", () => (input.value = "")); // so that the same file can be chosen again
  input.addEventListener("change", () => take([...input.files]));
  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    const files = [...event.dataTransfer.files];
    take(multiple ? files : files.slice(0, 1));
  });
  return zone;
}
