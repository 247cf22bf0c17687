/** The page of `highwall view`. */
import "maplibre-gl/dist/maplibre-gl.css";
import "./styles/tokens.css";
import "./styles/page.css";
import "./styles/controls.css";
import "./styles/sidebar.css";
import "./styles/map.css";
import { type Map as MapLibre, NavigationControl, ScaleControl, setWorkerUrl } from "maplibre-gl";
import { asset, getMaps, getPolygons } from "./api.ts";
import { areasTable } from "./areas.ts";
import { card } from "./card.ts";
import type { PolygonFeature } from "./contract.ts";
import { byId, h } from "./dom.ts";
import { filterBar } from "./filterbar.ts";
import { fromHash, keepHash, viewFromHash } from "./hash.ts";
import { header } from "./header.ts";
import { keys } from "./keys.ts";
import { layersPanel } from "./layers.ts";
import { polygonList } from "./list.ts";
import { watchPictures } from "./pictures.ts";
import { extent, polygonSet } from "./polygons.ts";
import { recall, remember } from "./remember.ts";
import { Side } from "./side.ts";
import { front, Store } from "./state.ts";
import { swipe } from "./swipe.ts";

declare const WORKER_NAME: string;

async function start(): Promise<void> {
  setWorkerUrl(asset(WORKER_NAME));
  const { maps, reviewer } = await getMaps();
  if (!maps.length) throw new Error("there is no map to show");
  const store = new Store(maps, recall() ?? reviewer);
  store.set(fromHash(location.hash, store.state));
  store.watch(["reviewer"], ({ reviewer: name }) => remember(name));
  store.watch(["map", "compare"], (state) => {
    for (const id of [state.map, state.compare]) if (typeof id === "number") void load(store, id);
  });
  header(store);
  areasTable(store);
  filterBar(store);
  layersPanel(store);
  const side = drawn(store);
  const whole = () => side?.map.fitBounds(front(store.state).bounds, { padding: 24 });
  const list = polygonList(store, (feature) => side && fly(side.map, feature));
  keys(store, list, card(store), whole);
  watchPictures(store);
  byId("skip").addEventListener("click", () => byId("list").focus());
  byId("app").removeAttribute("aria-busy");
}

/** The map, where the browser can draw one; all else works without it. */
function drawn(store: Store): Side | null {
  try {
    const side = new Side(byId("map-left"), store, "left");
    const view = viewFromHash(location.hash);
    if (view) side.map.jumpTo(view);
    side.map.addControl(new NavigationControl({ showCompass: false }), "bottom-right");
    side.map.addControl(new ScaleControl({ maxWidth: 140 }), "bottom-left");
    keepHash(store, side.map);
    swipe(side, store);
    let shown = store.state.map;
    store.watch(["map"], (state) => {
      if (state.map !== shown) side.map.fitBounds(front(state).bounds, { padding: 24, animate: false });
      shown = state.map;
    });
    return side;
  } catch (error) {
    byId("maps").append(
      h("p", { class: "no-map", role: "alert" }, `This browser can't draw the map (WebGL): ${message(error)}`),
    );
    return null;
  }
}

const MARGIN = 40; // pixels around what is flown to
const LEAST = 160; // pixels in which it is still seen well

const loading = new Set<number>();

async function load(store: Store, id: number): Promise<void> {
  if (loading.has(id)) return;
  loading.add(id);
  try {
    const set = polygonSet(await getPolygons(id));
    store.set({ polygons: new Map(store.state.polygons).set(id, set) });
  } catch (error) {
    loading.delete(id);
    byId("summary").textContent = `The polygons could not be read: ${message(error)}`;
  }
}

/** Fly to a polygon, beside the card and the panel of layers where there is room. */
function fly(map: MapLibre, feature: PolygonFeature): void {
  const { clientWidth: width, clientHeight: height } = map.getContainer();
  const left = byId("card").offsetWidth + MARGIN;
  const panel = byId("layers").querySelector("details")?.open ? byId("layers").offsetWidth : 0;
  const beyond = width - (document.getElementById("swipe")?.offsetLeft ?? width); // of the swipe handle
  const right = Math.max(panel, beyond) + MARGIN;
  const padding = { top: MARGIN, bottom: MARGIN, left, right: width - left - right > LEAST ? right : MARGIN };
  if (height > 3 * MARGIN) map.fitBounds(extent(feature), { padding, maxZoom: 15, duration: 700 });
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

start().catch((error: unknown) => {
  byId("app").replaceChildren(
    h("p", { class: "failure", role: "alert" }, `The page can't be shown: ${message(error)}`),
  );
});
