/** Totals for each class, which are counts of pixels and not yet estimates of ground. */
import { byId, h, swatch } from "./dom.ts";
import { count, hectares, share } from "./format.ts";
import { front, type Store } from "./state.ts";

const MEANING =
  "Uncorrected: the areas of the polygons, added up. A map's errors do not cancel out, so the true area of a class can " +
  "be far from it, and no interval can be given.";

export function areasTable(store: Store): void {
  const body = h("tbody");
  const unknown = h("p", { class: "hint" });
  const command = h("code");
  const about = h(
    "div",
    { id: "uncorrected", popover: "auto", class: "bubble" },
    h("p", {}, MEANING),
    h("p", {}, "To correct it and to get intervals, draw a sample of points, label them, and estimate:"),
    command,
  );
  const mark = h(
    "button",
    { type: "button", class: "badge", popovertarget: "uncorrected", title: MEANING },
    "uncorrected",
    h("span", { "aria-hidden": "true" }, " ?"),
  );
  byId("areas").append(
    h("div", { class: "row between" }, h("h2", {}, "Areas"), mark),
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { scope: "col" }, "Class"),
          h("th", { scope: "col", class: "number" }, "Polygons"),
          h("th", { scope: "col", class: "number" }, "Area"),
        ),
      ),
      body,
    ),
    unknown,
    about,
  );
  store.watch(["map"], (state) => {
    const map = front(state);
    const colors = new Map(map.legend.map((one) => [one.id, one.color]));
    body.replaceChildren(
      ...map.classes.map((row) =>
        h(
          "tr",
          { title: `${count(row.below_minimum)} are smaller than the minimum mapping unit` },
          h("th", { scope: "row" }, swatch(colors.get(row.class_id) ?? "#888888"), row.class),
          h("td", { class: "number" }, count(row.polygons)),
          h("td", { class: "number" }, hectares(row.uncorrected_area_ha)),
        ),
      ),
    );
    const parts = [
      map.unknown_share > 0 && `Nothing is known of ${share(map.unknown_share)} of the scene.`,
      map.outside_share && `${share(map.outside_share)} lies outside the training's experience.`,
    ];
    unknown.textContent = parts.filter(Boolean).join(" ");
    unknown.hidden = !unknown.textContent;
    command.textContent = `highwall area ${map.name} points.gpkg --draw 200\nhighwall area ${map.name} points.gpkg`;
  });
}
