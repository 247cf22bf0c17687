/** Keys that work anywhere on the page, and the dialog that lists them. */
import type { Card } from "./card.ts";
import { byId, h } from "./dom.ts";
import type { List } from "./list.ts";
import type { Store } from "./state.ts";

const KEYS: [string, string][] = [
  ["j", "next polygon of the list"],
  ["k", "previous polygon"],
  ["a", "accept the polygon"],
  ["r", "reject the polygon"],
  ["n", "write a note"],
  ["f", "show the whole scene"],
  ["s", "swipe against the bare picture, or stop"],
  ["Esc", "close the card"],
  ["?", "show or hide these keys"],
  ["↑ ↓ Page Home End", "move in the list, when it has the focus"],
  ["← →", "move the swipe handle, when it has the focus"],
  ["arrows + −", "move and zoom the map, when it has the focus"],
];

export function keys(store: Store, list: List, card: Card, whole: () => void): void {
  const dialog = byId("keys") as HTMLDialogElement;
  const close = h(
    "button",
    { type: "button", class: "icon", "aria-label": "Close", onclick: () => dialog.close() },
    "×",
  );
  dialog.append(
    h("div", { class: "row between" }, h("h2", { id: "keys-title" }, "Keys"), close),
    h(
      "dl",
      {},
      ...KEYS.flatMap(([key, what]) => [
        h("dt", {}, ...key.split(" ").map((one) => h("kbd", {}, one))),
        h("dd", {}, what),
      ]),
    ),
  );
  const toggle = () => (dialog.open ? dialog.close() : dialog.showModal());
  byId("keys-button").addEventListener("click", toggle);
  const swipe = () => store.set({ compare: store.state.compare === null ? "picture" : null });
  const actions: Record<string, () => void> = {
    j: () => list.step(1),
    k: () => list.step(-1),
    a: () => card.decide("accept"),
    r: () => card.decide("reject"),
    n: () => document.getElementById("note")?.focus(),
    f: whole,
    s: swipe,
    Escape: () => store.set({ selected: null }),
    "?": toggle,
  };
  document.addEventListener("keydown", (event) => {
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    if (writes(event.target) && event.key !== "Escape") return;
    if (dialog.open && event.key !== "?") return;
    if (event.key === "Escape" && document.querySelector(":popover-open")) return;
    event.preventDefault();
    action();
  });
}

/** Whether a key pressed there is meant as text. */
function writes(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "range"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}
