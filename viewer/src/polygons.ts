/** Sets of polygons, and the orders in which a list shows them. */
import type { PolygonFeature, Polygons, Review } from "./contract.ts";
import type { PolygonSet } from "./state.ts";

export type Order = "area" | "smallest" | "sure" | "unsure";

export const ORDERS: Record<Order, string> = {
  area: "largest first",
  smallest: "smallest first",
  sure: "most confident first",
  unsure: "least confident first",
};

export function polygonSet(polygons: Polygons): PolygonSet {
  const features = inOrder(polygons.features, "area");
  return {
    features,
    byId: new Map(features.map((feature) => [feature.id, feature])),
    leftOut: polygons.left_out,
    tolerance: polygons.tolerance,
  };
}

export function inOrder(features: PolygonFeature[], order: Order): PolygonFeature[] {
  const key = order === "area" || order === "smallest" ? area : confidence;
  const sign = order === "area" || order === "sure" ? -1 : 1;
  return features.toSorted((a, b) => sign * (key(a) - key(b)) || a.id - b.id);
}

/** The set with a new review of one polygon. */
export function reviewed(set: PolygonSet, polygon: number, review: Review | null): PolygonSet {
  const before = set.byId.get(polygon);
  if (!before) return set;
  const after = { ...before, properties: { ...before.properties, review } };
  const features = set.features.map((feature) => (feature === before ? after : feature));
  return { ...set, features, byId: new Map(set.byId).set(polygon, after) };
}

export const area = (feature: PolygonFeature): number => feature.properties.area_ha ?? 0;

export const confidence = (feature: PolygonFeature): number => feature.properties.mean_probability;

/** West, south, east and north of a polygon. */
export function extent(feature: PolygonFeature): [number, number, number, number] {
  const box: [number, number, number, number] = [180, 90, -180, -90];
  const rings =
    feature.geometry.type === "Polygon" ? feature.geometry.coordinates : feature.geometry.coordinates.flat();
  for (const [x = 0, y = 0] of rings.flat()) {
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x);
    box[3] = Math.max(box[3], y);
  }
  return box;
}

/** Whether the line around a polygon is broken: its answer deserves less trust. */
export const doubtful = ({ properties }: PolygonFeature): boolean =>
  properties.below_minimum || properties.outside_experience === true;
