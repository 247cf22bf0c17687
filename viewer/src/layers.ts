/** The panel of layers: picture, what lies over it, and the legend that goes with it. */
import type { MapSummary, PictureName, Ramp } from "./contract.ts";
import { byId, h, swatch } from "./dom.ts";
import { toggled } from "./filters.ts";
import { percent } from "./format.ts";
import { front, legendOf, type Overlay, type State, type Store } from "./state.ts";

const PICTURES: Record<PictureName, string> = { true: "True colour", false: "False colour" };
const HINTS: Record<PictureName, string> = {
  true: "Red, green and blue: B04, B03, B02",
  false: "Short-wave infrared, near infrared and red: B12, B08, B04. Bare ground is pink, plants are green.",
};

const ROOMY = 820; // pixels of a map beside which card and panel both find room

export function layersPanel(store: Store): void {
  const pictures = h("div", { class: "segments", role: "radiogroup", "aria-label": "Picture" });
  const why = h("p", { class: "hint", role: "status" });
  const overlay = h("div", { class: "options", role: "radiogroup", "aria-label": "Over the picture" });
  const legend = h("div", { class: "legend" });
  const opacity = slider(store);
  byId("layers").append(
    h(
      "details",
      { open: byId("maps").clientWidth > ROOMY },
      h("summary", {}, "Layers"),
      h("h3", {}, "Picture"),
      pictures,
      why,
      h("h3", {}, "Over the picture"),
      overlay,
      opacity,
      legend,
      h("h3", {}, "Also show"),
      checkbox(store, "outlines", "Outlines of polygons"),
      checkbox(store, "masked", "Unknown ground, hatched"),
    ),
  );
  store.watch(["maps", "map", "picture"], (state) => {
    const focused = pictures.querySelector<HTMLElement>(":focus")?.id;
    pictures.replaceChildren(...pictureOptions(store, state));
    why.textContent = reasons(front(state));
    why.hidden = !why.textContent;
    if (focused) document.getElementById(focused)?.focus();
  });
  store.watch(["map", "overlay", "probabilityOf"], (state) => {
    const focused = overlay.querySelector<HTMLElement>(":focus")?.id;
    overlay.replaceChildren(...overlayOptions(store, state));
    if (focused) document.getElementById(focused)?.focus();
    opacity.hidden = state.overlay === "none";
  });
  store.watch(["map", "compare", "overlay", "filters"], (state) => {
    const focused = legend.querySelector<HTMLElement>(":focus")?.id;
    legend.replaceChildren(...legendItems(store, state));
    if (focused) document.getElementById(focused)?.focus();
  });
}

function pictureOptions(store: Store, state: State): HTMLElement[] {
  const { pictures } = front(state);
  const one = (value: State["picture"], label: string, ready: boolean, title: string) =>
    radio("picture", value, label, state.picture === value, ready, title, () => store.set({ picture: value }));
  return [
    ...(["true", "false"] as const).map((name) =>
      one(name, PICTURES[name], pictures[name].ready, pictures[name].why ?? HINTS[name]),
    ),
    one("none", "None", true, "No picture"),
  ];
}

function reasons(map: MapSummary): string {
  const missing = (["true", "false"] as const).filter((name) => !map.pictures[name].ready);
  const whys = missing.map((name) => `${PICTURES[name]}: ${map.pictures[name].why ?? "being made."}`);
  const [first] = missing;
  const same = missing.length === 2 && map.pictures.true.why === map.pictures.false.why;
  return same && first ? `Pictures: ${map.pictures[first].why ?? "being made."}` : whys.join("\n");
}

function overlayOptions(store: Store, state: State): HTMLElement[] {
  const map = front(state);
  const one = (value: Overlay, label: string, ready = true, title = "") =>
    radio("overlay", value, label, state.overlay === value, ready, title, () => store.set({ overlay: value }));
  const classes = h(
    "select",
    {
      id: "probability-of",
      "aria-label": "Class of the probability",
      onchange: () => store.set({ overlay: "probability", probabilityOf: Number(classes.value) }),
    },
    ...map.legend.map(({ id, name }) => h("option", { value: id, selected: id === state.probabilityOf }, name)),
  );
  const known = map.layers.includes("applicability");
  return [
    one("classes", "Classes"),
    h("div", { class: "row" }, one("probability", "Probability of"), classes),
    one("applicability", "Applicability", known, known ? "" : "This map's model doesn't know it."),
    one("none", "Nothing"),
  ];
}

function legendItems(store: Store, state: State): HTMLElement[] {
  const map = front(state);
  if (state.overlay === "probability") return [rampOf(map.ramps.probability)];
  if (state.overlay === "applicability") return [rampOf(map.ramps.applicability)];
  return legendOf(state).map(({ name, color }, k) =>
    h(
      "label",
      { class: "check" },
      h("input", {
        type: "checkbox",
        id: `legend-${k}`,
        checked: !state.filters.hidden.has(name),
        onchange: () => store.filter({ hidden: toggled(store.state.filters.hidden, name) }),
      }),
      swatch(color),
      name,
    ),
  );
}

function rampOf({ what, low, high, colors }: Ramp): HTMLElement {
  const bar = h("div", { class: "ramp", role: "img", "aria-label": `${low}; ${high}` });
  bar.style.backgroundImage = `linear-gradient(to right, ${colors.join(", ")})`;
  const ends = h("div", { class: "row between hint" }, h("span", {}, low), h("span", { class: "end" }, high));
  return h("div", {}, bar, ends, h("p", { class: "hint" }, what));
}

function slider(store: Store): HTMLElement {
  const value = h("output", { for: "opacity" });
  const input = h("input", {
    type: "range",
    id: "opacity",
    min: 0,
    max: 1,
    step: 0.05,
    oninput: () => store.set({ opacity: Number(input.value) }),
  });
  store.watch(["opacity"], ({ opacity }) => {
    input.value = String(opacity);
    value.textContent = percent(opacity);
  });
  return h("div", { class: "row slider" }, h("label", { for: "opacity" }, "Opacity"), input, value);
}

function checkbox(store: Store, key: "outlines" | "masked", label: string): HTMLElement {
  const input = h("input", { type: "checkbox", id: key, onchange: () => store.set({ [key]: input.checked }) });
  store.watch([key], (state) => {
    input.checked = state[key];
  });
  return h("label", { class: "check" }, input, label);
}

function radio(
  group: string,
  value: string,
  label: string,
  checked: boolean,
  ready: boolean,
  title: string,
  onchange: () => void,
): HTMLElement {
  const input = h("input", {
    type: "radio",
    name: group,
    id: `${group}-${value}`,
    checked,
    disabled: !ready,
    onchange,
  });
  return h("label", { class: "option", title: title || null }, input, h("span", {}, label));
}
