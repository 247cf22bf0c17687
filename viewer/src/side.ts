/** One MapLibre map, which shows what the state says for its side of the swipe handle. */
import { type GeoJSONSource, Map as MapLibre, type RasterTileSource } from "maplibre-gl";
import { tiles } from "./api.ts";
import type { MapSummary, PolygonFeature } from "./contract.ts";
import { expression } from "./filters.ts";
import { drawn, FILL, LINES, layerFilters, POLYGONS, SELECTED } from "./outlines.ts";
import { withoutHidden } from "./shown.ts";
import { front, mapOf, type PolygonSet, type State, type Store, selectedFeature } from "./state.ts";
import { ground, overlays, probability, styleOf } from "./style.ts";
import { uncover } from "./uncover.ts";

const WATCHED: (keyof State)[] = [
  "maps",
  "map",
  "compare",
  "picture",
  "overlay",
  "probabilityOf",
  "opacity",
  "outlines",
  "masked",
  "filters",
  "selected",
  "polygons",
];

export type Hand = "left" | "right";

/** What one side shows. */
interface View {
  map: MapSummary;
  bare: boolean;
}

function viewOf(state: State, hand: Hand): View {
  if (hand === "left" || state.compare === null) return { map: front(state), bare: false };
  if (state.compare === "picture") return { map: front(state), bare: true };
  return { map: mapOf(state, state.compare), bare: false };
}

export class Side {
  readonly map: MapLibre;
  #shownMap = -1;
  #shownPolygons: PolygonSet | undefined;
  #shownSelected: PolygonFeature | null = null;
  #loaded = false;

  constructor(container: HTMLElement, store: Store, hand: Hand) {
    const { map } = viewOf(store.state, hand);
    this.map = new MapLibre({
      container,
      style: styleOf(map),
      bounds: map.bounds,
      fitBoundsOptions: { padding: 24 },
      maxZoom: 18,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      canvasContextAttributes: { preserveDrawingBuffer: false },
      locale: { "Map.Title": hand === "left" ? "Map of the polygons" : "Map on the right of the handle" },
    });
    this.map.keyboard.disableRotation();
    this.map.touchZoomRotate.disableRotation();
    this.#shownMap = map.id;
    this.map.on("style.load", () => {
      this.#loaded = true;
      this.#shownPolygons = undefined;
      this.#shownSelected = null;
      this.#apply(store.state, hand);
    });
    store.watch(WATCHED, (state) => this.#show(state, hand));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      if (this.#loaded) this.map.setPaintProperty("ground", "background-color", ground());
    });
    container.setAttribute("aria-busy", "true");
    this.map.on("dataloading", () => container.setAttribute("aria-busy", "true"));
    this.map.on("idle", () => container.setAttribute("aria-busy", "false"));
    this.map.on("click", FILL, (event) => {
      const polygon = event.features?.[0]?.id;
      if (typeof polygon !== "number") return;
      store.set({ selected: { map: this.#shownMap, polygon } });
      uncover(this.map, event.point);
    });
    this.map.on("mousemove", FILL, () => this.#cursor("pointer"));
    this.map.on("mouseleave", FILL, () => this.#cursor(""));
  }

  #cursor(cursor: string): void {
    this.map.getCanvas().style.cursor = cursor;
  }

  #show(state: State, hand: Hand): void {
    const { map } = viewOf(state, hand);
    if (map.id !== this.#shownMap) {
      this.#shownMap = map.id;
      this.#loaded = false;
      this.map.setStyle(styleOf(map), { diff: false });
    } else if (this.#loaded) this.#apply(state, hand);
  }

  #apply(state: State, hand: Hand): void {
    const { map, bare } = viewOf(state, hand);
    const set = state.polygons.get(map.id);
    for (const name of ["true", "false"] as const)
      this.#visible(name, state.picture === name && map.pictures[name].ready);
    const overlay = bare ? null : overlayLayer(state, map, set);
    for (const name of overlays(map)) {
      this.#visible(name, name === overlay);
      if (name === overlay) this.map.setPaintProperty(name, "raster-opacity", state.opacity);
    }
    if (overlay === "classes") this.#withoutHidden(map, state);
    this.#visible(FILL, !bare);
    this.map.setPaintProperty(FILL, "fill-opacity", state.overlay === "classes" && exact(set) ? state.opacity : 0);
    this.#visible("masked", state.masked && !bare);
    for (const name of LINES) this.#visible(name, state.outlines && !bare);
    const selected = state.selected?.map === map.id && !bare ? selectedFeature(state) : null;
    for (const [name, filter] of layerFilters(expression(state.filters))) this.map.setFilter(name, filter);
    if (set !== this.#shownPolygons) this.map.getSource<GeoJSONSource>(POLYGONS)?.setData(drawn(set?.features ?? []));
    this.#shownPolygons = set;
    if (selected !== this.#shownSelected)
      this.map.getSource<GeoJSONSource>(SELECTED)?.setData(drawn(selected ? [selected] : []));
    this.#shownSelected = selected;
  }

  #withoutHidden(map: MapSummary, state: State): void {
    const source = this.map.getSource<RasterTileSource>("classes");
    const address = withoutHidden(tiles(map.id, "classes"), map.legend, state.filters.hidden);
    if (source && source.tiles[0] !== address) source.setTiles([address]);
  }

  #visible(name: string, visible: boolean): void {
    this.map.setLayoutProperty(name, "visibility", visible ? "visible" : "none");
  }
}

const exact = (set: PolygonSet | undefined): boolean => !!set && !set.leftOut && !set.tolerance;

/** Layer of tiles over the picture. Classes are filled polygons, once those are there, if they are all and exact. */
function overlayLayer(state: State, map: MapSummary, set: PolygonSet | undefined): string | null {
  if (state.overlay === "classes") return exact(set) ? null : "classes";
  if (state.overlay !== "probability") return state.overlay;
  const chosen = front(state).legend.find((one) => one.id === state.probabilityOf) ?? front(state).legend[0];
  const same = map.legend.find((one) => one.name === chosen?.name);
  return same ? probability(same.id) : null;
}
