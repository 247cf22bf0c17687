/** What the server of `highwall view` sends and takes. */
import type { Feature, MultiPolygon, Polygon } from "geojson";

export type PictureName = "true" | "false";

/** Whether the tiles of a picture of the scene can be asked for, and why not. */
export interface Picture {
  ready: boolean;
  why: string | null;
  /** Whether it is still to come. */
  wait: boolean;
}

export type Pictures = Record<PictureName, Picture>;

export interface LegendClass {
  id: number;
  name: string;
  color: string;
}

/** Totals of one class, as the manifest has them. */
export interface ClassTotals {
  class_id: number;
  class: string;
  polygons: number;
  below_minimum: number;
  uncorrected_area_ha: number | null;
}

/** Colours of numbers from 0 to 1, at even steps. */
export interface Ramp {
  what: string;
  low: string;
  high: string;
  colors: string[];
}

export interface MapSummary {
  id: number;
  name: string;
  scene: string;
  model: string;
  date: string | null;
  /** West, south, east, north in degrees. */
  bounds: [number, number, number, number];
  legend: LegendClass[];
  /** Layers of tiles that the map's own files give. */
  layers: string[];
  ramps: Record<"probability" | "applicability", Ramp>;
  classes: ClassTotals[];
  areas: string;
  unknown_share: number;
  outside_share: number | null;
  forecast: string | null;
  notes: string[];
  pictures: Pictures;
  writable: boolean;
}

export interface Maps {
  maps: MapSummary[];
  reviewer: string;
}

export type Decision = "accept" | "reject" | "reclass";

export interface Review {
  decision: Decision;
  class_id: number | null;
  note: string;
  reviewer: string;
  at: string;
  version: number;
}

export interface PolygonProperties {
  class_id: number;
  class: string;
  area_ha: number | null;
  perimeter_m: number | null;
  mean_probability: number;
  least_probability: number;
  edge_share: number | null;
  below_minimum: boolean;
  touches_masked: boolean;
  applicability: number | null;
  outside_experience: boolean | null;
  review: Review | null;
}

export type PolygonFeature = Feature<Polygon | MultiPolygon, PolygonProperties> & { id: number };

export interface Polygons {
  type: "FeatureCollection";
  features: PolygonFeature[];
  /** How many smaller ones were left out. */
  left_out: number;
  /** Metres by which outlines may be off, because there were too many corners. */
  tolerance: number;
}

/** What is sent when somebody decides; `version` is that of the review that was seen, 0 for none. */
export interface Decided {
  polygon: number;
  decision: Decision | "clear";
  class_id: number | null;
  note: string;
  reviewer: string;
  version: number;
}

export type DownloadName = "polygons.gpkg" | "classes.tif" | "probabilities.tif";
