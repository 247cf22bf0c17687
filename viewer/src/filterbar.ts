/** Filters of the polygons; they apply to list and map at once. */
import { byId, h, swatch } from "./dom.ts";
import { ALL, isFiltered, REVIEW_STATES, type ReviewState, toggled } from "./filters.ts";
import { percent } from "./format.ts";
import { legendOf, type Store } from "./state.ts";

export function filterBar(store: Store): void {
  const classes = h("div", { class: "chips", role: "group", "aria-label": "Classes shown" });
  const hectares = h("input", {
    type: "number",
    id: "least-hectares",
    min: 0,
    step: "any",
    inputmode: "decimal",
    oninput: () => store.filter({ leastHectares: Math.max(0, Number(hectares.value) || 0) }),
  });
  const confidence = h("input", {
    type: "range",
    id: "least-confidence",
    min: 0,
    max: 1,
    step: 0.01,
    oninput: () => store.filter({ leastConfidence: Number(confidence.value) }),
  });
  const value = h("output", { for: "least-confidence" });
  const review = h(
    "select",
    { id: "review-state", onchange: () => store.filter({ review: review.value as ReviewState }) },
    ...Object.entries(REVIEW_STATES).map(([state, label]) => h("option", { value: state }, label)),
  );
  const reset = h("button", { type: "button", class: "link", onclick: () => store.set({ filters: ALL }) }, "Show all");
  byId("filters").append(
    h("div", { class: "row between" }, h("h2", {}, "Filter"), reset),
    classes,
    h(
      "div",
      { class: "fields" },
      h("div", {}, h("label", { for: "least-hectares" }, "Least hectares"), hectares),
      h("div", {}, h("label", { for: "least-confidence" }, "Confidence ≥ ", value), confidence),
      h("div", {}, h("label", { for: "review-state" }, "Review"), review),
    ),
  );
  store.watch(["map", "compare", "filters"], (state) => {
    const { filters } = state;
    const focused = classes.querySelector<HTMLElement>(":focus")?.id;
    classes.replaceChildren(
      ...legendOf(state).map(({ name, color }, k) =>
        h(
          "button",
          {
            type: "button",
            class: "chip",
            id: `class-${k}`,
            "aria-pressed": String(!filters.hidden.has(name)),
            onclick: () => store.filter({ hidden: toggled(store.state.filters.hidden, name) }),
          },
          swatch(color),
          name,
        ),
      ),
    );
    if (focused) document.getElementById(focused)?.focus();
    if ((Number(hectares.value) || 0) !== filters.leastHectares || !isFiltered(filters)) {
      hectares.value = filters.leastHectares ? String(filters.leastHectares) : "";
    }
    confidence.value = String(filters.leastConfidence);
    value.textContent = percent(filters.leastConfidence);
    review.value = filters.review;
    reset.hidden = !isFiltered(filters);
  });
  hectares.placeholder = "0";
}
