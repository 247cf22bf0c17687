/** Two maps side by side: a second map over the first, cut off at a handle that is dragged or moved by arrow keys. */
import type { Map as MapLibre } from "maplibre-gl";
import { byId, h } from "./dom.ts";
import { Side } from "./side.ts";
import { front, mapOf, type Store } from "./state.ts";

const STEP = 2; // per cent of the width for each press of an arrow key

export function swipe(left: Side, store: Store): void {
  const frame = byId("maps");
  const over = byId("map-right");
  const handle = h(
    "div",
    {
      id: "swipe",
      role: "slider",
      tabindex: "0",
      "aria-label": "Swipe between the two maps",
      "aria-valuemin": "0",
      "aria-valuemax": "100",
    },
    h("span", { class: "grip", "aria-hidden": "true" }),
    h("span", { class: "name" }),
    h("span", { class: "name" }),
  );
  const names = handle.querySelectorAll(".name");
  let right: Side | null = null;
  let at = 50;

  function move(percent: number): void {
    at = Math.min(100, Math.max(0, percent));
    handle.style.insetInlineStart = `${at}%`;
    handle.setAttribute("aria-valuenow", String(Math.round(at)));
    handle.setAttribute("aria-valuetext", `${Math.round(at)} per cent of the width for the left map`);
    over.style.clipPath = `inset(0 0 0 ${at}%)`;
  }

  handle.addEventListener("keydown", (event) => {
    const steps: Record<string, number> = { ArrowLeft: at - STEP, ArrowRight: at + STEP, Home: 0, End: 100 };
    const to = steps[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  });
  handle.addEventListener("pointerdown", (event) => handle.setPointerCapture(event.pointerId));
  handle.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const box = frame.getBoundingClientRect();
    move((100 * (event.clientX - box.left)) / box.width);
  });

  store.watch(["compare"], ({ compare }) => {
    const on = compare !== null;
    over.hidden = !on;
    frame.classList.toggle("swiping", on);
    if (!on) {
      handle.remove();
      return;
    }
    if (!handle.isConnected) frame.append(handle);
    if (!right) {
      right = new Side(over, store, "right");
      together(left.map, right.map);
    }
    right.map.resize();
    right.map.jumpTo(camera(left.map));
    move(at);
  });
  store.watch(["map", "compare"], (state) => {
    const { compare } = state;
    const other = typeof compare === "number" ? mapOf(state, compare).name : "bare picture";
    for (const [k, text] of [front(state).name, other].entries()) if (names[k]) names[k].textContent = text;
  });
}

const camera = (map: MapLibre) => ({ center: map.getCenter(), zoom: map.getZoom() });

/** Move each map where the other goes. */
function together(a: MapLibre, b: MapLibre): void {
  let following = false;
  const follow = (leader: MapLibre, follower: MapLibre) =>
    leader.on("move", () => {
      if (following) return;
      following = true;
      follower.jumpTo(camera(leader));
      following = false;
    });
  follow(a, b);
  follow(b, a);
}
