/** The list of polygons. Only the rows in sight exist, so that tens of thousands are as quick as ten. */
import type { LegendClass, PolygonFeature } from "./contract.ts";
import { byId, h, swatch } from "./dom.ts";
import { count, hectares, metres, percent, plural } from "./format.ts";
import { type Listed, listed, place } from "./listed.ts";
import { ORDERS, type Order } from "./polygons.ts";
import { front, type PolygonSet, type Store } from "./state.ts";

const ROW = 44; // height of a row in pixels, as in list.css
const SPARE = 6; // rows beyond what is in sight

export interface List {
  /** Select the polygon so many rows further on, as far as there are any. */
  step: (rows: number) => void;
}

export function polygonList(store: Store, go: (feature: PolygonFeature) => void): List {
  const summary = h("p", { id: "summary", role: "status" });
  const left = h("p", { class: "hint" });
  const order = h(
    "select",
    { id: "order", "aria-label": "Order of the list", onchange: () => store.set({ order: order.value as Order }) },
    ...Object.entries(ORDERS).map(([value, label]) => h("option", { value }, label)),
  );
  const rows = h("div", { class: "rows", role: "presentation" });
  const box = h("div", { id: "list", role: "listbox", tabindex: "0", "aria-label": "Polygons" }, rows);
  byId("polygons").append(h("div", { class: "row between" }, h("h2", {}, "Polygons"), order), summary, left, box);
  let now: Listed = listed(store.state);

  function select(index: number): void {
    const feature = now.features[Math.min(now.features.length - 1, Math.max(0, index))];
    if (!feature) return;
    store.set({ selected: { map: store.state.map, polygon: feature.id } });
    go(feature);
  }

  const selected = () =>
    place(now.features, store.state.selected?.map === store.state.map ? store.state.selected.polygon : undefined);
  const step = (by: number) => select(selected() < 0 ? 0 : selected() + by);

  function draw(): void {
    rows.style.height = `${now.features.length * ROW}px`; // first, as it may change where the list stands
    const first = Math.max(0, Math.floor(box.scrollTop / ROW) - SPARE);
    const last = Math.ceil((box.scrollTop + box.clientHeight) / ROW) + SPARE;
    const chosen = selected();
    rows.replaceChildren(
      ...now.features
        .slice(first, last)
        .map((feature, k) =>
          row(feature, first + k, now.features.length, chosen === first + k, front(store.state).legend),
        ),
    );
    if (now.features[chosen]) box.setAttribute("aria-activedescendant", rowId(now.features[chosen].id));
    else box.removeAttribute("aria-activedescendant");
  }

  function reveal(): void {
    const at = selected() * ROW;
    if (at < 0) return;
    if (at < box.scrollTop) box.scrollTop = at;
    else if (at + ROW > box.scrollTop + box.clientHeight) box.scrollTop = at + ROW - box.clientHeight;
  }

  box.addEventListener("scroll", () => requestAnimationFrame(draw));
  new ResizeObserver(draw).observe(box);
  box.addEventListener("click", (event) => {
    const at = (event.target as Element).closest<HTMLElement>("[data-at]")?.dataset.at;
    if (at) select(Number(at));
  });
  box.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(box.clientHeight / ROW) - 1);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    const by = steps[event.key];
    if (by !== undefined) step(by);
    else if (event.key === "Home") select(0);
    else if (event.key === "End") select(now.features.length - 1);
    else return;
    event.preventDefault();
  });
  store.watch(["map", "polygons", "filters", "order"], (state) => {
    now = listed(state);
    order.value = state.order;
    const loading = !state.polygons.has(state.map);
    summary.textContent = loading ? "Loading…" : said(now);
    left.textContent = lacking(state.polygons.get(state.map));
    left.hidden = !left.textContent;
    draw();
  });
  store.watch(["map", "filters", "order"], () => {
    box.scrollTop = 0;
    reveal();
    draw();
  });
  store.watch(["selected"], () => {
    reveal();
    draw();
  });
  return { step };
}

function said({ features, hectares: shown, all, allHectares, reviewed }: Listed): string {
  const of = features.length < all ? ` of ${count(all)}` : "";
  const area = features.length < all ? `${hectares(shown)} of ${hectares(allHectares)}` : hectares(shown);
  return `${count(features.length)}${of} ${all === 1 ? "polygon" : "polygons"} · ${area} · ${count(reviewed)} reviewed`;
}

function lacking(set: PolygonSet | undefined): string {
  const parts = [
    set?.leftOut && `${plural(set.leftOut, "smaller polygon")} more in the GeoPackage.`,
    set?.tolerance && `Outlines are simplified here by ${metres(set.tolerance)}.`,
  ];
  return parts.filter(Boolean).join(" ");
}

const rowId = (id: number) => `polygon-${id}`;

const MARKS = { accept: "Accepted", reject: "Rejected", reclass: "Re-classed" };

function row(feature: PolygonFeature, at: number, of: number, selected: boolean, legend: LegendClass[]): HTMLElement {
  const { properties, id } = feature;
  const decision = properties.review?.decision;
  const element = h(
    "div",
    {
      class: decision ? `polygon ${decision}` : "polygon",
      role: "option",
      id: rowId(id),
      "data-at": at,
      "aria-selected": String(selected),
      "aria-setsize": of,
      "aria-posinset": at + 1,
    },
    swatch(legend.find((one) => one.id === properties.class_id)?.color ?? "#888888"),
    h("span", { class: "what" }, h("span", {}, properties.class), h("small", {}, `#${id}`)),
    decision && h("span", { class: `mark ${decision}` }, MARKS[decision]),
    h("span", { class: "number" }, hectares(properties.area_ha), h("small", {}, percent(properties.mean_probability))),
  );
  element.style.transform = `translateY(${at * ROW}px)`;
  return element;
}
