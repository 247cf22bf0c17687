/** What the map is: scene, date, model, the forecast, notes; and the choice of maps and downloads. */
import { download } from "./api.ts";
import type { DownloadName, MapSummary } from "./contract.ts";
import { byId, h } from "./dom.ts";
import { day, plural } from "./format.ts";
import { type Compare, front, type State, type Store } from "./state.ts";

const DOWNLOADS: [DownloadName, string, string][] = [
  ["polygons.gpkg", "Polygons", "GeoPackage with reviews"],
  ["classes.tif", "Classes", "cloud-optimised GeoTIFF"],
  ["probabilities.tif", "Probabilities", "cloud-optimised GeoTIFF"],
];

export function header(store: Store): void {
  const facts = byId("facts");
  const forecast = byId("forecast");
  const notes = byId("notes");
  const downloads = byId("downloads");
  const choices = byId("choices");
  store.watch(["map", "maps"], (state) => {
    const map = front(state);
    document.title = `${map.scene} · highwall`;
    facts.replaceChildren(...factsOf(map));
    forecast.textContent = map.forecast ?? "No forecast: nothing says how good this map is.";
    const list = map.notes.map((note) => h("li", {}, note));
    notes.replaceChildren(h("ul", {}, ...list));
    const button = byId("notes-button");
    button.hidden = !map.notes.length;
    button.textContent = plural(map.notes.length, "note");
    downloads.replaceChildren(
      ...DOWNLOADS.map(([name, title, kind]) =>
        h(
          "a",
          { href: download(map.id, name), download: true },
          h("strong", {}, title),
          h("small", {}, `${name}, ${kind}`),
        ),
      ),
    );
  });
  store.watch(["map", "compare"], (state) => {
    const focused = choices.querySelector<HTMLElement>(":focus")?.id;
    choices.replaceChildren(...choicesOf(store, state));
    if (focused) document.getElementById(focused)?.focus();
  });
}

function factsOf(map: MapSummary): HTMLElement[] {
  return [
    h("h1", { title: map.name }, map.scene),
    h(
      "p",
      {},
      h("span", {}, map.date ? day(map.date) : "no date"),
      h("span", { title: "Model" }, map.model),
      !map.writable && h("span", { class: "badge plain" }, "read-only"),
    ),
  ];
}

function choicesOf(store: Store, state: State): HTMLElement[] {
  const others = state.maps.filter((map) => map.id !== state.map);
  const which = h(
    "select",
    { id: "map-choice", onchange: () => choose(store, Number(which.value)) },
    ...state.maps.map((map) => h("option", { value: map.id, selected: map.id === state.map }, map.name)),
  );
  const against = h(
    "select",
    {
      id: "compare-choice",
      onchange: () => store.set({ compare: compareFrom(against.value) }),
    },
    h("option", { value: "" }, "nothing"),
    h("option", { value: "picture", selected: state.compare === "picture" }, "its bare picture"),
    ...others.map((map) => h("option", { value: map.id, selected: map.id === state.compare }, map.name)),
  );
  return [
    ...(others.length ? [h("label", {}, h("span", {}, "Map"), which)] : []),
    h("label", {}, h("span", {}, "Compare with"), against),
  ];
}

function choose(store: Store, map: number): void {
  const { compare } = store.state;
  store.set({ map, selected: null, compare: compare === map ? null : compare, probabilityOf: null });
}

const compareFrom = (value: string): Compare => (value === "" ? null : value === "picture" ? value : Number(value));
