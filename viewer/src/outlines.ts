/** Polygons on the map: filled and outlined in their class's colour, broken lines where the answer deserves less trust. */
import type { FeatureCollection } from "geojson";
import type { ExpressionSpecification, FilterSpecification, LayerSpecification } from "maplibre-gl";
import type { MapSummary, PolygonFeature } from "./contract.ts";
import { area, confidence, doubtful } from "./polygons.ts";

/** Layer that answers clicks: all that is shown is in it. */
export const FILL = "polygon-fill";
const CASING = "polygon-casing";
const LINE = "polygon-line";
const BROKEN = "polygon-broken";
/** Source of the selected polygon alone, so that selecting one leaves the tiles of all others as they are. */
export const SELECTED = "selected";
export const POLYGONS = "polygons";
export const LINES = [CASING, LINE, BROKEN];

/** What the map needs to know of polygons, small and flat. */
export const drawn = (features: PolygonFeature[]): FeatureCollection => ({
  type: "FeatureCollection",
  features: features.map(flat),
});

function flat(feature: PolygonFeature): PolygonFeature {
  const properties = {
    class: feature.properties.class,
    area: area(feature),
    confidence: confidence(feature),
    doubtful: doubtful(feature),
    decision: feature.properties.review?.decision ?? "none",
  };
  return { ...feature, properties } as unknown as PolygonFeature;
}

/** Layers of the polygons, lowest first, without a filter. */
export function polygonLayers(map: MapSummary): LayerSpecification[] {
  const color = colors(map);
  const width: ExpressionSpecification = ["interpolate", ["linear"], ["zoom"], 9, 0.8, 13, 1.8, 16, 2.4];
  const casing: ExpressionSpecification = ["interpolate", ["linear"], ["zoom"], 9, 1.6, 13, 3.6, 16, 4.6];
  // A rejected polygon stays in sight, faintly, so that a decision can be taken back.
  const opacity: ExpressionSpecification = ["case", ["==", ["get", "decision"], "reject"], 0.3, 1];
  const source = POLYGONS;
  return [
    { id: FILL, type: "fill", source, paint: { "fill-color": color, "fill-antialias": false } },
    {
      id: CASING,
      type: "line",
      source,
      layout: { "line-join": "round" },
      paint: { "line-color": "#ffffff", "line-width": casing, "line-opacity": ["*", 0.75, opacity] },
    },
    {
      id: LINE,
      type: "line",
      source,
      layout: { "line-join": "round" },
      paint: { "line-color": color, "line-width": width, "line-opacity": opacity },
    },
    {
      id: BROKEN,
      type: "line",
      source,
      paint: { "line-color": color, "line-width": width, "line-opacity": opacity, "line-dasharray": [3, 2.5] },
    },
    {
      id: "polygon-selected-casing",
      type: "line",
      source: SELECTED,
      layout: { "line-join": "round" },
      paint: { "line-color": "#10161a", "line-width": 7, "line-opacity": 0.85 },
    },
    {
      id: "polygon-selected",
      type: "line",
      source: SELECTED,
      layout: { "line-join": "round" },
      paint: { "line-color": "#ffe14d", "line-width": 3.5 },
    },
  ];
}

/** The filter of each layer of polygons. */
export function layerFilters(shown: FilterSpecification): [string, FilterSpecification][] {
  const also = (more: ExpressionSpecification) => ["all", shown, more] as FilterSpecification;
  return [
    [FILL, shown],
    [CASING, shown],
    [LINE, also(["!", ["get", "doubtful"]])],
    [BROKEN, also(["to-boolean", ["get", "doubtful"]])],
  ];
}

function colors(map: MapSummary): ExpressionSpecification {
  const pairs = map.legend.flatMap((one) => [one.name, one.color]);
  return pairs.length
    ? (["match", ["get", "class"], ...pairs, "#888888"] as unknown as ExpressionSpecification)
    : ["literal", "#888888"];
}
