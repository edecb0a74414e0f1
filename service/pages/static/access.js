// The key that one uses here. It stays in this tab, and goes when the tab does.

const NAME = "polarizer-key";

export function ownKey() {
  return sessionStorage.getItem(NAME) ?? "";
}

export function useKey(key) {
  if (key) sessionStorage.setItem(NAME, key);
  else sessionStorage.removeItem(NAME);
}

/** Headers that a request carries for it. */
export function authorization() {
  const key = ownKey();
  return key ? { Authorization: `Bearer ${key}` } : {};
}
