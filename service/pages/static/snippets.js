// What was done here, as a curl command and as Python. Keys never stand in them.

import { ownKey } from "./access.js";

const shell = (text) => (/^[\w./:=@%-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** A value of JSON as Python writes it. */
export function literal(value) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const items = Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${literal(item)}`);
  return `{${items.join(", ")}}`;
}

function curl(path, ...parts) {
  const key = ownKey() ? ['-H "Authorization: Bearer $POLARIZER_API_KEY"'] : [];
  return ["curl", ...key, ...parts, shell(location.origin + path)].join(" \\\n  ");
}

/** A file of a form; curl splits names that are not quoted at these marks. */
const part = (role, name) => `-F ${shell(`${role}=@${/[,;"]/.test(name) ? JSON.stringify(name) : name}`)}`;

const value = (name, json) => `--form-string ${shell(`${name}=${JSON.stringify(json)}`)}`;

function python(...lines) {
  const key = ownKey() ? "  # the key is in POLARIZER_API_KEY" : "";
  const made = `with Polarizer(${JSON.stringify(location.origin)}) as service:${key}`;
  return ["from client import Polarizer", "", made, ...lines.map((line) => `    ${line}`)].join("\n");
}

export function defend(files, description, request) {
  const form = Object.entries(files).map(([role, file]) => part(role, file.name));
  if (description) form.push(value("description", description));
  if (Object.keys(request).length) form.push(value("request", request));
  const named = Object.entries(files).map(([role, file]) => [role, file.name]);
  const given = [...named, ...(description ? [["description", description]] : []), ...Object.entries(request)]
    .map(([name, value]) => [name, name === "evidence" && value === null ? false : value])
    .map(([name, value]) => `    ${name}=${literal(value)},`);
  return {
    curl: curl("/v1/defenses", ...form),
    python: python("defense = service.defenses.defend(", ...given, ")", "print(defense.id)"),
  };
}

export const follow = (id) => ({
  curl: curl(`/v1/defenses/${id}/events`, "-N", "-H 'Accept: text/event-stream'"),
  python: python(
    `for event in service.defenses.follow(${literal(id)}):`,
    "    print(event.type, event.data)",
  ),
});

export const cancel = (id) => ({
  curl: curl(`/v1/defenses/${id}/cancel`, "-X POST"),
  python: python(`service.defenses.cancel(${literal(id)})`),
});

export const list = (status) => ({
  curl: curl(`/v1/defenses?limit=50${status ? `&status=${status}` : ""}`),
  python: python(
    `for defense in service.defenses.all(${status ? `status=${literal(status)}` : ""}):`,
    "    print(defense.id, defense.status, defense.name)",
  ),
});

export const report = (id) => ({
  curl: curl(`/v1/defenses/${id}/report`),
  python: python(`report = service.defenses.report(${literal(id)})`, "print(report.numbers)"),
});

export const models = () => ({
  curl: curl("/v1/models?limit=50"),
  python: python("for model in service.models.all():", "    print(model.id, model.name)"),
});

export const download = (id) => ({
  curl: curl(`/v1/models/${id}/file`, "-L", "-OJ"),
  python: python(`service.models.download(${literal(id)}, "purified.safetensors")`),
});

export const signature = (id) => ({
  curl: curl(`/v1/models/${id}/signature`, "-OJ"),
  python: python(
    `signature = service.models.signature(${literal(id)})`,
    'open("model.sig", "wb").write(signature.content)',
  ),
});

export const predict = (id, names) => ({
  curl: curl(`/v1/models/${id}/predict`, ...names.map((name) => part("image", name))),
  python: python(
    `answer = service.predict(${literal(id)}, ${literal(names)})`,
    "for one in answer.predictions:",
    "    print(one.top[0].label, one.flagged)",
  ),
});

export const switchAlarm = (id, on) => ({
  curl: curl(`/v1/models/${id}/alarm`, "-X PUT", `--json ${shell(JSON.stringify({ on }))}`),
  python: python(`service.models.switch_alarm(${literal(id)}, on=${literal(on)})`),
});

export const createKey = (made) => ({
  curl: curl("/v1/keys", `--json ${shell(JSON.stringify(made))}`),
  python: python(
    `made = service.keys.create(name=${literal(made.name)}, scopes=${literal(made.scopes)})`,
    "print(made.key)",
  ),
});

export const revokeKey = (id) => ({
  curl: curl(`/v1/keys/${id}`, "-X DELETE"),
  python: python(`service.keys.revoke(${literal(id)})`),
});
