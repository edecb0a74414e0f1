// Keys: the one that is used in this tab, and those of the tenant.

import { ownKey, useKey } from "./access.js";
import { get, send } from "./api.js";
import { announce, el, field, put, refill, table, tick } from "./dom.js";
import { alarm, badge, button, commands, copier, moment } from "./showing.js";
import { createKey, revokeKey } from "./snippets.js";

const SCOPES = [
  ["read", "see everything"], ["infer", "ask models"], ["defend", "read, and every change"], ["admin", "all of it, and keys"],
];

export async function show(main, { signal }) {
  const who = el("div", { "aria-live": "polite" });
  const listed = el("div");
  const done = el("div");
  const form = maker(() => refresh(), done);
  const refresh = async () => {
    await shown(who, signal, async () => whoami(await get("/v1/whoami", { signal })));
    await shown(listed, signal, async () => {
      const found = (await get("/v1/keys?limit=100", { signal })).data;
      form.first(!found.length);
      return keys(found, revoke);
    });
  };
  const revoke = async (id) => {
    await send("DELETE", `/v1/keys/${id}`);
    announce("The key is revoked");
    refill(done, commands(revokeKey(id)));
    await refresh();
  };
  put(
    main,
    el("h1", { tabindex: "-1" }, "Keys"),
    el("section", {}, el("h2", {}, "Your key"), own(refresh), who),
    el("section", {}, el("h2", {}, "Make a key"), done, form.whole),
    el("section", {}, el("h2", {}, "Keys of the tenant"), listed),
  );
  await refresh();
}

async function shown(place, signal, make) {
  try {
    refill(place, await make());
  } catch (error) {
    if (!signal.aborted) refill(place, alarm(error));
  }
}

function own(refresh) {
  const key = el("input", { type: "password", autocomplete: "off", spellcheck: "false", placeholder: "np_…", value: ownKey() });
  const use = async () => {
    useKey(key.value.trim());
    announce(key.value ? "The key is used in this tab" : "No key is used");
    await refresh();
  };
  const forget = async () => {
    key.value = "";
    await use();
  };
  const form = el(
    "form",
    { class: "fields" },
    field("Key", key, "kept in this tab only, until it is closed"),
    el("div", { class: "actions" }, el("button", { class: "main" }, "Use it"), button("Forget it", forget)),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    use();
  });
  return form;
}

function whoami({ tenant, key_id: id, scopes, usage }) {
  const as = id ? `with the key ${id}` : "without a key";
  return el("p", {}, `You are tenant ${tenant}, ${as}: ${scopes.join(", ")}. Defenses that wait or run: ${usage.waiting_defenses}.`);
}

/** `whole` is the form; `first` says whether there is no key yet, so that this one makes the others. */
function maker(refresh, done) {
  const name = el("input", { required: true, maxlength: 100, autocomplete: "off" });
  const scopes = SCOPES.map(([scope, told]) => tick(`${scope}: ${told}`, scope === "defend", scope));
  const expires = el("input", { type: "date" });
  const advice = el("p", { class: "warn", hidden: true }, "This is the first key: from then on everybody needs one, and only a key with admin makes others.");
  let alone = false; // no key yet
  const form = el(
    "form",
    {},
    advice,
    el("div", { class: "fields" }, field("Name", name), field("Ends on", expires, "empty: never")),
    el("fieldset", {}, el("legend", {}, "For"), scopes.map((one) => one.line)),
    el("button", { class: "main" }, "Make the key"),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const chosen = scopes.filter(({ box }) => box.checked).map(({ box }) => box.value);
    const wanted = { name: name.value, scopes: chosen };
    if (expires.value) wanted.expires_at = `${expires.value}T23:59:59Z`;
    try {
      const made = await send("POST", "/v1/keys", wanted);
      form.reset();
      const only = alone && !ownKey();
      first(false);
      refill(done, once(made, refresh), commands(createKey(wanted)));
      if (!only) await refresh(); // else this tab has to use the key before it is answered again
    } catch (error) {
      refill(done, alarm(error));
    }
  });
  const first = (none) => {
    alone = none;
    advice.hidden = !none;
    for (const { box } of scopes) box.checked = box.value === (none ? "admin" : "defend");
  };
  return { whole: form, first };
}

/** The one time that a key is shown. */
function once(made, refresh) {
  const text = el("code", { class: "secret", tabindex: "0" }, made.key);
  const used = button("Use it in this tab", async () => {
    useKey(made.key);
    announce("The key is used in this tab");
    await refresh();
  });
  return el("div", { class: "box", role: "status" }, el("strong", {}, `The key ${made.name}: keep it, it is not shown again`), text,
    el("div", { class: "actions" }, copier(made.key, "Copy the key", text), used));
}

function keys(found, revoke) {
  if (!found.length) return el("p", {}, "There are none. From the first one on, everybody needs a key.");
  return table("Keys", ["Name", "For", "Made", "Used", "State", "Change"], found.map((one) => [
    [one.name, el("br"), el("small", {}, one.id)],
    one.scopes.join(", "), moment(one.created_at), moment(one.last_used_at), state(one),
    one.revoked_at ? "" : button("Revoke", () => sure(one) && revoke(one.id), { kind: "small" }),
  ]));
}

const sure = ({ name }) => confirm(`Revoke the key “${name}”? What uses it is refused from now on.`);

function state({ revoked_at: revoked, expires_at: expires }) {
  if (revoked) return badge("revoked", "off");
  return expires && new Date(expires) < new Date() ? badge("ended", "off") : badge("good", "succeeded");
}
