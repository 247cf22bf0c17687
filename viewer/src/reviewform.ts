/** The form in which people decide on a polygon. */
import { type Answer, decide as send } from "./api.ts";
import type { Decision, MapSummary, PolygonFeature, Review } from "./contract.ts";
import { h } from "./dom.ts";
import { moment } from "./format.ts";
import type { Store } from "./state.ts";

export interface ReviewForm {
  element: HTMLElement;
  /** Show the review of a polygon; what is being typed stays if it is the same polygon as before. */
  show: (map: MapSummary, feature: PolygonFeature, same: boolean) => void;
  decide: (decision: Decision | "clear") => void;
}

const WORDS: Record<Decision, string> = { accept: "accepted it", reject: "rejected it", reclass: "re-classed it" };

export function reviewForm(store: Store): ReviewForm {
  let subject: { map: MapSummary; feature: PolygonFeature } | null = null;
  let sending = false;
  const buttons = (["accept", "reject"] as const).map((decision) =>
    h(
      "button",
      { type: "button", class: `decision ${decision}`, id: decision, onclick: () => decide(decision) },
      decision === "accept" ? "Accept" : "Reject",
      h("kbd", { "aria-hidden": "true" }, decision.slice(0, 1)),
    ),
  );
  const classes = h("select", { id: "reclass-to", "aria-label": "New class" });
  const reclass = h(
    "button",
    { type: "button", class: "decision reclass", id: "reclass", onclick: () => decide("reclass") },
    "Re-class",
  );
  const other = h("div", { class: "pair" }, classes, reclass);
  const note = h("textarea", { id: "note", rows: 2, placeholder: "Why, or what is there instead" });
  const name = h("input", {
    id: "reviewer",
    autocomplete: "name",
    value: store.state.reviewer,
    oninput: () => store.set({ reviewer: name.value.trim() }),
  });
  const clear = h(
    "button",
    { type: "button", class: "link", id: "clear", onclick: () => decide("clear") },
    "Clear review",
  );
  const status = h("p", { class: "status", role: "status" });
  const message = h("div", { class: "message", role: "alert" });
  const fields = h(
    "fieldset",
    {},
    h("div", { class: "pair" }, ...buttons),
    other,
    h("label", { for: "note" }, "Note"),
    note,
    h("label", { for: "reviewer" }, "Reviewer"),
    name,
  );
  const readOnly = h("p", { class: "hint" }, "The map's folder is read-only: reviews can't be stored.");
  const element = h(
    "section",
    { class: "review", "aria-label": "Review" },
    h("div", { class: "row between" }, h("h3", {}, "Review"), clear),
    status,
    message,
    fields,
    readOnly,
  );

  function show(map: MapSummary, feature: PolygonFeature, same: boolean): void {
    subject = { map, feature };
    const { review, class_id } = feature.properties;
    for (const button of [...buttons, reclass]) {
      button.setAttribute("aria-pressed", String(review?.decision === button.id));
    }
    status.textContent = review ? told(review, map) : "Not reviewed yet.";
    clear.hidden = !review || !map.writable;
    fields.disabled = !map.writable;
    fields.hidden = !map.writable && !review;
    readOnly.hidden = map.writable;
    other.hidden = map.legend.length < 2;
    const others = map.legend.filter((one) => one.id !== class_id);
    if (!same) {
      classes.replaceChildren(
        ...others.map(({ id, name: text }) => h("option", { value: id, selected: id === review?.class_id }, text)),
      );
      note.value = review?.note ?? "";
      message.replaceChildren();
    }
  }

  async function decide(decision: Decision | "clear", version?: number): Promise<void> {
    if (!subject?.map.writable) return;
    if (sending) {
      message.replaceChildren(h("p", {}, "The last decision is still being stored. Try again in a moment."));
      return;
    }
    if (!store.state.reviewer) {
      message.replaceChildren(h("p", {}, "Give a reviewer's name first."));
      name.focus();
      return;
    }
    const { map, feature } = subject;
    const seen = version ?? feature.properties.review?.version ?? 0;
    sending = true;
    element.setAttribute("aria-busy", "true");
    const answer = await send(map.id, {
      polygon: feature.id,
      decision,
      class_id: decision === "reclass" ? Number(classes.value) : null,
      note: note.value.trim(),
      reviewer: store.state.reviewer,
      version: seen,
    });
    sending = false;
    element.removeAttribute("aria-busy");
    heard(answer, decision, map, feature);
  }

  function heard(answer: Answer, decision: Decision | "clear", map: MapSummary, feature: PolygonFeature): void {
    const { selected } = store.state;
    const here = selected?.polygon === feature.id && selected.map === map.id;
    if (!here && answer.kind !== "stored") {
      // They went on: what was not kept must not go unseen.
      store.set({ selected: { map: map.id, polygon: feature.id } });
      heard(answer, decision, map, feature);
      return;
    }
    if (here) message.replaceChildren();
    if (answer.kind === "stored") {
      store.review(map.id, feature.id, answer.review);
      if (here && !answer.review) note.value = "";
    } else if (here && answer.kind === "refused") message.replaceChildren(h("p", {}, answer.why));
    else if (here && answer.kind === "conflict")
      message.replaceChildren(...conflict(answer.review, decision, map, feature));
  }

  /** Somebody decided meanwhile: show how, and let it stand or be overwritten. */
  function conflict(
    theirs: Review | null,
    decision: Decision | "clear",
    map: MapSummary,
    feature: PolygonFeature,
  ): HTMLElement[] {
    const keep = () => {
      note.value = theirs?.note ?? "";
      message.replaceChildren();
      store.review(map.id, feature.id, theirs);
    };
    const said = theirs ? told(theirs, map) : "The review was cleared.";
    return [
      h("p", {}, h("strong", {}, "Decided by somebody else meanwhile. "), said),
      h(
        "div",
        { class: "pair" },
        h("button", { type: "button", id: "keep", onclick: keep }, "Keep theirs"),
        h(
          "button",
          { type: "button", id: "overwrite", onclick: () => decide(decision, theirs?.version ?? 0) },
          "Overwrite",
        ),
      ),
    ];
  }

  return { element, show, decide };
}

/** A review in a sentence. */
function told(review: Review, map: MapSummary): string {
  const name = map.legend.find((one) => one.id === review.class_id)?.name;
  const what = WORDS[review.decision] + (name ? ` as ${name}` : "");
  const note = review.note ? `: “${review.note}”` : "";
  const who = review.reviewer || "Somebody";
  return `${who} ${what} on ${moment(review.at)}${note}`;
}
