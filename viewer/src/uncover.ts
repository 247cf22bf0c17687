/** Moves a map so that what was clicked does not lie under the card that opens. */
import type { Map as MapLibre, Point } from "maplibre-gl";
import { byId } from "./dom.ts";

const MARGIN = 40; // pixels

export function uncover(map: MapLibre, point: Point): void {
  const card = byId("card");
  const over = card.offsetLeft + card.offsetWidth + MARGIN - point.x;
  if (!card.hidden && over > 0 && point.y < card.offsetTop + card.offsetHeight + MARGIN) map.panBy([-over, 0]);
}
