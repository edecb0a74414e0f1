// Looks into zip files (and so into .npz) where they lie, without sending them anywhere.

const DIRECTORY = 0x02014b50;
const END = 0x06054b50;
const TAIL = 66_000; // the end record and the longest comment
const MOST_DIRECTORY = 64 << 20;

/** Entries as {name, size, packed, method, offset}; null where it is no zip that we can read. */
export async function entries(file) {
  const tailStart = Math.max(0, file.size - TAIL);
  const tail = new DataView(await file.slice(tailStart).arrayBuffer());
  let at = tail.byteLength - 22;
  while (at >= 0 && tail.getUint32(at, true) !== END) at--;
  if (at < 0) return null;
  const [size, start] = [tail.getUint32(at + 12, true), tail.getUint32(at + 16, true)];
  if (start === 0xffffffff || size > MOST_DIRECTORY || start + size > file.size) return null;
  return listed(new DataView(await file.slice(start, start + size).arrayBuffer()));
}

function listed(view) {
  const found = [];
  const text = new TextDecoder();
  for (let at = 0; at + 46 <= view.byteLength && view.getUint32(at, true) === DIRECTORY; ) {
    const [name, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    if (at + 46 + name > view.byteLength) break;
    found.push({
      name: text.decode(new Uint8Array(view.buffer, at + 46, name)),
      method: view.getUint16(at + 10, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    });
    at += 46 + name + extra + comment;
  }
  return found;
}

/** The first `most` bytes of an entry, unpacked. */
export async function beginning(file, entry, most) {
  const head = new DataView(await file.slice(entry.offset, entry.offset + 30).arrayBuffer());
  const start = entry.offset + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const packed = file.slice(start, start + entry.packed);
  if (entry.method === 0) return new Uint8Array(await packed.slice(0, most).arrayBuffer());
  if (entry.method !== 8) throw new Error("packed in a way that browsers do not read");
  return taken(packed.stream().pipeThrough(new DecompressionStream("deflate-raw")), most);
}

async function taken(stream, most) {
  const whole = new Uint8Array(most);
  const reader = stream.getReader();
  let length = 0;
  while (length < most) {
    const { value, done } = await reader.read();
    if (done) break;
    const part = value.subarray(0, most - length);
    whole.set(part, length);
    length += part.length;
  }
  reader.cancel().catch(() => {});
  return whole.subarray(0, length);
}
