/** What the page shows, in one value that the parts watch. */
import type { LegendClass, MapSummary, PictureName, PolygonFeature, Review } from "./contract.ts";
import { ALL, type Filters } from "./filters.ts";
import { type Order, reviewed } from "./polygons.ts";

export type Overlay = "classes" | "probability" | "applicability" | "none";

/** What lies on the right of the swipe handle: another map's id, or this map's bare picture. */
export type Compare = number | "picture" | null;

export interface Selected {
  map: number;
  polygon: number;
}

export interface PolygonSet {
  /** Largest first. */
  features: PolygonFeature[];
  byId: Map<number, PolygonFeature>;
  /** How many smaller ones are missing, and the metres by which outlines are off. */
  leftOut: number;
  tolerance: number;
}

export interface State {
  maps: MapSummary[];
  map: number;
  compare: Compare;
  picture: PictureName | "none";
  overlay: Overlay;
  /** Class whose probability is shown; null for the first one of the legend. */
  probabilityOf: number | null;
  opacity: number;
  outlines: boolean;
  masked: boolean;
  filters: Filters;
  order: Order;
  selected: Selected | null;
  /** Polygons by map, as far as they are loaded. */
  polygons: ReadonlyMap<number, PolygonSet>;
  reviewer: string;
}

type Watcher = (state: State) => void;

export class Store {
  state: State;
  #watchers: { keys: (keyof State)[]; watcher: Watcher }[] = [];

  constructor(maps: MapSummary[], reviewer: string) {
    this.state = {
      maps,
      map: maps[0]?.id ?? 0,
      compare: null,
      picture: "true",
      overlay: "classes",
      probabilityOf: null,
      opacity: 0.55,
      outlines: true,
      masked: true,
      filters: ALL,
      order: "area",
      selected: null,
      polygons: new Map(),
      reviewer,
    };
  }

  /** Call the watcher now, and again after each change of one of the keys. */
  watch(keys: (keyof State)[], watcher: Watcher): void {
    this.#watchers.push({ keys, watcher });
    watcher(this.state);
  }

  /** Change some of the state; only parts that watch what really changed are called. */
  set(change: Partial<State>): void {
    const before = this.state;
    this.state = { ...before, ...change };
    const changed = new Set((Object.keys(change) as (keyof State)[]).filter((key) => before[key] !== this.state[key]));
    for (const { keys, watcher } of this.#watchers) if (keys.some((key) => changed.has(key))) watcher(this.state);
  }

  filter(change: Partial<Filters>): void {
    this.set({ filters: { ...this.state.filters, ...change } });
  }

  /** Put a polygon's new review in place. */
  review(map: number, polygon: number, review: Review | null): void {
    const set = this.state.polygons.get(map);
    if (set) this.set({ polygons: new Map(this.state.polygons).set(map, reviewed(set, polygon, review)) });
  }
}

/** The map in front. */
export function front(state: State): MapSummary {
  return mapOf(state, state.map);
}

export function mapOf(state: State, id: number): MapSummary {
  const map = state.maps.find((candidate) => candidate.id === id) ?? state.maps[0];
  if (!map) throw new Error("there is no map");
  return map;
}

/** Classes of all that is in sight, by name: those of the map in front, then those that only the compared map has. */
export function legendOf(state: State): LegendClass[] {
  const { legend } = front(state);
  const other = typeof state.compare === "number" ? mapOf(state, state.compare).legend : [];
  return [...legend, ...other.filter(({ name }) => legend.every((one) => one.name !== name))];
}

/** The selected polygon, once its map's polygons are loaded. */
export function selectedFeature(state: State): PolygonFeature | null {
  const { selected } = state;
  return (selected && state.polygons.get(selected.map)?.byId.get(selected.polygon)) ?? null;
}
