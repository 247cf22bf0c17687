/** The style of a map: its tiles and polygons over a plain ground, and nothing from anywhere else. */
import type { LayerSpecification, SourceSpecification, StyleSpecification } from "maplibre-gl";
import { tiles } from "./api.ts";
import type { MapSummary } from "./contract.ts";
import { drawn, POLYGONS, polygonLayers, SELECTED } from "./outlines.ts";

/** Finest zoom with tiles of its own: 10 m pixels fill the screen's at 14. */
const FINEST = 15;

export const probability = (id: number): string => `probability-${id}`;

/** Names of the layers of tiles that lie over a picture. */
export const overlays = (map: MapSummary): string[] => map.layers.filter((name) => name !== "masked");

export function styleOf(map: MapSummary): StyleSpecification {
  const rasters = ["true", "false", ...overlays(map), "masked"];
  const sources: Record<string, SourceSpecification> = Object.fromEntries(
    rasters.map((name) => [
      name,
      { type: "raster", tiles: [tiles(map.id, name)], tileSize: 256, maxzoom: FINEST, bounds: map.bounds },
    ]),
  );
  for (const name of [POLYGONS, SELECTED]) sources[name] = { type: "geojson", data: drawn([]), tolerance: 0.1 };
  const [fill, ...lines] = polygonLayers(map) as [LayerSpecification, ...LayerSpecification[]];
  const layers: LayerSpecification[] = [
    { id: "ground", type: "background", paint: { "background-color": ground() } },
    raster("true", "linear"),
    raster("false", "linear"),
    ...overlays(map).map((name) => raster(name, "nearest")),
    fill,
    raster("masked", "linear"),
    ...lines,
  ];
  return { version: 8, sources, layers };
}

/** The colour around the scene, which follows the light or dark look of the page. */
export const ground = (): string =>
  getComputedStyle(document.documentElement).getPropertyValue("--map-ground").trim() || "#d9dcd8";

function raster(id: string, resampling: "linear" | "nearest"): LayerSpecification {
  return {
    id,
    type: "raster",
    source: id,
    layout: { visibility: "none" },
    paint: { "raster-resampling": resampling, "raster-fade-duration": 0 },
  };
}
