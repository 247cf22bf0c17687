/** Which polygons are shown: the same rule for the list (a function) and for the map (an expression). */
import type { FilterSpecification } from "maplibre-gl";
import type { Decision, PolygonFeature } from "./contract.ts";
import { area, confidence } from "./polygons.ts";

export type ReviewState = "any" | "none" | Decision;

export const REVIEW_STATES: Record<ReviewState, string> = {
  any: "Any",
  none: "Not reviewed",
  accept: "Accepted",
  reject: "Rejected",
  reclass: "Re-classed",
};

export interface Filters {
  /** Names of classes that are not shown; by name, as two maps may have two legends. */
  hidden: ReadonlySet<string>;
  leastHectares: number;
  leastConfidence: number;
  review: ReviewState;
}

export const ALL: Filters = { hidden: new Set(), leastHectares: 0, leastConfidence: 0, review: "any" };

export const isFiltered = (filters: Filters): boolean =>
  filters.hidden.size > 0 || filters.leastHectares > 0 || filters.leastConfidence > 0 || filters.review !== "any";

export function passes(feature: PolygonFeature, filters: Filters): boolean {
  const { properties } = feature;
  return (
    !filters.hidden.has(properties.class) &&
    area(feature) >= filters.leastHectares &&
    confidence(feature) >= filters.leastConfidence &&
    (filters.review === "any" || (properties.review?.decision ?? "none") === filters.review)
  );
}

/** `passes` for the features of `outlines.ts`. */
export function expression(filters: Filters): FilterSpecification {
  return [
    "all",
    ["!", ["in", ["get", "class"], ["literal", [...filters.hidden]]]],
    [">=", ["get", "area"], filters.leastHectares],
    [">=", ["get", "confidence"], filters.leastConfidence],
    filters.review === "any" || ["==", ["get", "decision"], filters.review],
  ] as FilterSpecification;
}

/** The filters with one class shown or hidden. */
export function toggled(hidden: ReadonlySet<string>, name: string): ReadonlySet<string> {
  const next = new Set(hidden);
  if (!next.delete(name)) next.add(name);
  return next;
}
