/** Asks again for pictures that are not ready, ever more seldom, until they are. */
import { getPictures } from "./api.ts";
import type { MapSummary } from "./contract.ts";
import type { Store } from "./state.ts";

const FIRST = 1000;
const LAST = 15_000;

const waiting = (map: MapSummary): boolean => map.pictures.true.wait || map.pictures.false.wait;

export function watchPictures(store: Store): void {
  for (const map of store.state.maps) if (waiting(map)) void ask(store, map.id, FIRST);
}

async function ask(store: Store, id: number, pause: number): Promise<void> {
  await new Promise((done) => setTimeout(done, pause));
  try {
    const pictures = await getPictures(id);
    const now = store.state.maps.find((map) => map.id === id);
    if (now && JSON.stringify(now.pictures) !== JSON.stringify(pictures)) {
      store.set({ maps: store.state.maps.map((map) => (map.id === id ? { ...map, pictures } : map)) });
    }
  } catch {
    // The server may be busy, or gone: the next round says.
  }
  const now = store.state.maps.find((map) => map.id === id);
  if (now && waiting(now)) void ask(store, id, Math.min(LAST, pause * 1.5));
}
