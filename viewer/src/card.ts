/** The card of the selected polygon: what the model says of it, and what people decided. */
import type { MapSummary, PolygonFeature, PolygonProperties } from "./contract.ts";
import { byId, h, swatch } from "./dom.ts";
import { hectares, metres, percent } from "./format.ts";
import { type ReviewForm, reviewForm } from "./reviewform.ts";
import { mapOf, type Store, selectedFeature } from "./state.ts";

export interface Card {
  /** Decide on the selected polygon, as the buttons do. */
  decide: (decision: "accept" | "reject") => void;
}

export function card(store: Store): Card {
  const box = byId("card");
  const form: ReviewForm = reviewForm(store);
  const facts = h("div");
  box.append(facts, form.element);
  let shown: PolygonFeature | null = null;
  let from: number | undefined; // its map: two maps have the same ids
  store.watch(["selected", "polygons", "maps"], (state) => {
    const feature = selectedFeature(state);
    box.hidden = !feature;
    if (feature === shown && feature) return;
    const same = shown?.id === feature?.id && from === state.selected?.map;
    shown = feature;
    from = state.selected?.map;
    if (!feature || !state.selected) return;
    const map = mapOf(state, state.selected.map);
    facts.replaceChildren(...factsOf(feature, map, map.id !== state.map, () => store.set({ selected: null })));
    form.show(map, feature, same);
    if (!same) box.scrollTop = 0;
  });
  return { decide: (decision) => shown && form.decide(decision) };
}

function factsOf(feature: PolygonFeature, map: MapSummary, other: boolean, close: () => void): HTMLElement[] {
  const { properties, id } = feature;
  const color = map.legend.find((one) => one.id === properties.class_id)?.color ?? "#888888";
  const flags = flagsOf(properties);
  return [
    h(
      "div",
      { class: "row between" },
      h("h2", { id: "card-title" }, swatch(color), properties.class, h("small", {}, `#${id}`)),
      h(
        "button",
        { type: "button", class: "icon", "aria-label": "Close (Escape)", title: "Close (Esc)", onclick: close },
        "×",
      ),
    ),
    ...(other ? [h("p", { class: "hint" }, `in ${map.name}`)] : []),
    h(
      "dl",
      {},
      ...fact("Area", hectares(properties.area_ha), "Geodesic, uncorrected"),
      ...fact("Perimeter", metres(properties.perimeter_m)),
      ...fact(
        "Mean confidence",
        percent(properties.mean_probability),
        "Mean probability of the class over the polygon's pixels",
      ),
      ...fact(
        "Least confidence",
        percent(properties.least_probability),
        "Least probability of the class in the polygon",
      ),
      ...(properties.applicability === null
        ? []
        : fact("Applicability", properties.applicability.toFixed(2), map.ramps.applicability.what)),
    ),
    ...(flags.length ? [h("ul", { class: "flags" }, ...flags.map((flag) => h("li", {}, flag)))] : []),
  ];
}

const fact = (name: string, value: string, title?: string): HTMLElement[] => [
  h("dt", { title }, name),
  h("dd", { title }, value),
];

function flagsOf(properties: PolygonProperties): string[] {
  const flags = [
    properties.below_minimum && "Smaller than the minimum mapping unit",
    properties.touches_masked && "Touches ground of which nothing is known",
    properties.outside_experience && "Outside the training's experience",
  ];
  return flags.filter((flag): flag is string => Boolean(flag));
}
