/** The address's hash keeps what is looked at: map, view, layers and polygon. */
import type { Map as MapLibre } from "maplibre-gl";
import type { State, Store } from "./state.ts";

type Kept =
  | "map"
  | "compare"
  | "picture"
  | "overlay"
  | "probabilityOf"
  | "opacity"
  | "outlines"
  | "masked"
  | "selected";
const KEPT: Kept[] = [
  "map",
  "compare",
  "picture",
  "overlay",
  "probabilityOf",
  "opacity",
  "outlines",
  "masked",
  "selected",
];

/** State as the hash says it; what is missing or makes no sense is left out. */
export function fromHash(hash: string, state: State): Partial<State> {
  const said = new URLSearchParams(hash.replace(/^#/, ""));
  const change: Partial<State> = {};
  const known = (text: string | null) => state.maps.find((map) => text !== null && map.id === Number(text))?.id;
  const map = known(said.get("map"));
  if (map !== undefined) change.map = map;
  const compare = said.get("compare");
  if (compare) change.compare = compare === "picture" ? compare : (known(compare) ?? null);
  const picture = said.get("picture");
  if (picture === "true" || picture === "false" || picture === "none") change.picture = picture;
  const [overlay, id] = (said.get("overlay") ?? "").split(":");
  if (overlay === "classes" || overlay === "probability" || overlay === "applicability" || overlay === "none") {
    change.overlay = overlay;
    if (id) change.probabilityOf = Number(id);
  }
  const opacity = Number(said.get("opacity") ?? Number.NaN);
  if (opacity >= 0 && opacity <= 1) change.opacity = opacity;
  const hidden = said.get("hide");
  if (hidden !== null) {
    change.outlines = !hidden.includes("outlines");
    change.masked = !hidden.includes("masked");
  }
  const polygon = Number(said.get("polygon") ?? Number.NaN);
  if (Number.isInteger(polygon)) change.selected = { map: map ?? state.map, polygon };
  return change;
}

/** Centre and zoom as the hash says them. */
export function viewFromHash(hash: string): { zoom: number; center: [number, number] } | null {
  const view = new URLSearchParams(hash.replace(/^#/, "")).get("view");
  const [zoom, lat, lon] = (view ?? "").split("/").map(Number);
  if (zoom === undefined || lat === undefined || lon === undefined || Number.isNaN(zoom + lat + lon)) return null;
  return Math.abs(lat) <= 90 ? { zoom, center: [lon, lat] } : null;
}

export function keepHash(store: Store, map: MapLibre): void {
  let timer = 0;
  const later = () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => history.replaceState(null, "", toHash(store.state, map)), 150);
  };
  store.watch(KEPT, later);
  map.on("moveend", later);
  window.addEventListener("hashchange", ({ newURL }) => {
    clearTimeout(timer); // what was to be kept is out of date, and may have been kept over what was asked for
    const { hash } = new URL(newURL);
    store.set(fromHash(hash, store.state));
    const view = viewFromHash(hash);
    if (view) map.jumpTo(view);
  });
}

function toHash(state: State, map: MapLibre): string {
  const { lat, lng } = map.getCenter();
  const overlay = state.probabilityOf === null ? state.overlay : `${state.overlay}:${state.probabilityOf}`;
  const hidden = [!state.outlines && "outlines", !state.masked && "masked"].filter(Boolean).join("+");
  const parts = [
    `map=${state.map}`,
    `view=${map.getZoom().toFixed(2)}/${lat.toFixed(5)}/${lng.toFixed(5)}`,
    `picture=${state.picture}`,
    `overlay=${overlay}`,
    `opacity=${state.opacity}`,
    hidden && `hide=${hidden}`,
    state.compare !== null && `compare=${state.compare}`,
    state.selected?.map === state.map && `polygon=${state.selected.polygon}`,
  ];
  return `#${parts.filter(Boolean).join("&")}`;
}
