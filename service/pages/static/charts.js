// A curve of losses, as SVG.

import { svg } from "./dom.js";

const WIDTH = 600;
const HEIGHT = 180;
const LEFT = 44;
const BOTTOM = 20;

/** A piece of the curve with this number, for a legend. */
export function sample(index) {
  const line = svg("line", { x1: 0, x2: 28, y1: 3, y2: 3, class: `curve-${index % 5}` });
  return svg("svg", { viewBox: "0 0 28 6", class: "sample", "aria-hidden": "true" }, line);
}

/** `series`: name → list of [step, value]. Its colours differ in lightness too, and in dashes. */
export function curves(series, steps) {
  const values = Object.values(series).flatMap((points) => points.map(([, value]) => value));
  const top = Math.max(...values, 1e-9);
  const x = (step) => LEFT + (step / Math.max(steps, 1)) * (WIDTH - LEFT - 6);
  const y = (value) => HEIGHT - BOTTOM - (Math.max(value, 0) / top) * (HEIGHT - BOTTOM - 14);
  const told = Object.entries(series).map(([name, points]) => `${name} ${points.at(-1)[1].toFixed(3)}`);
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curves", role: "img", "aria-label": `Losses: ${told.join(", ")}` },
    [0, top / 2, top].map((value) => [
      svg("line", { x1: LEFT, x2: WIDTH - 6, y1: y(value), y2: y(value), class: "grid" }),
      svg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, value.toPrecision(2)),
    ]),
    svg("text", { x: LEFT, y: HEIGHT - 4 }, "0"),
    svg("text", { x: WIDTH - 6, y: HEIGHT - 4, "text-anchor": "end" }, `step ${steps}`),
    Object.values(series).map((points, index) =>
      svg("polyline", {
        class: `curve curve-${index % 5}`,
        points: points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" "),
      }),
    ),
  );
}
