/** The polygons that the list shows, in its order, computed once for each change. */
import type { PolygonFeature } from "./contract.ts";
import { passes } from "./filters.ts";
import { area, inOrder } from "./polygons.ts";
import type { State } from "./state.ts";

export interface Listed {
  features: PolygonFeature[];
  hectares: number;
  /** Polygons and hectares without any filter. */
  all: number;
  allHectares: number;
  reviewed: number;
}

const total = (features: PolygonFeature[]): number => features.reduce((sum, feature) => sum + area(feature), 0);

export function listed(state: State): Listed {
  const all = state.polygons.get(state.map)?.features ?? [];
  const features = inOrder(
    all.filter((feature) => passes(feature, state.filters)),
    state.order,
  );
  return {
    features,
    hectares: total(features),
    all: all.length,
    allHectares: total(all),
    reviewed: all.filter((feature) => feature.properties.review).length,
  };
}

/** Where a polygon is in the list; -1 if it isn't there. */
export const place = (features: PolygonFeature[], id: number | undefined): number =>
  features.findIndex((feature) => feature.id === id);
