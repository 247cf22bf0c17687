/** Calls to the server; every address is relative, so the page also works behind a proxy's path. */
import type { Decided, DownloadName, Maps, Pictures, Polygons, Review } from "./contract.ts";

const BASE = new URL(".", document.baseURI).href;

export type Answer =
  | { kind: "stored"; review: Review | null }
  | { kind: "conflict"; review: Review | null }
  | { kind: "refused"; why: string };

export const getMaps = (): Promise<Maps> => get("api/maps");

export const getPolygons = (map: number): Promise<Polygons> => get(`api/maps/${map}/polygons`);

export const getPictures = (map: number): Promise<Pictures> => get(`api/maps/${map}/pictures`);

/** Address of the tiles of a layer, with `{z}/{x}/{y}` in it. */
export const tiles = (map: number, layer: string): string => `${BASE}api/maps/${map}/tiles/${layer}/{z}/{x}/{y}.png`;

export const download = (map: number, name: DownloadName): string => `${BASE}api/maps/${map}/download/${name}`;

/** Address of a file that was built together with this page. */
export const asset = (name: string): string => `${BASE}assets/${name}`;

export async function decide(map: number, decided: Decided): Promise<Answer> {
  try {
    const response = await fetch(`${BASE}api/maps/${map}/review`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(decided),
    });
    const answer = (await response.json().catch(() => ({}))) as { review?: Review | null; error?: string };
    if (response.ok) return { kind: "stored", review: answer.review ?? null };
    if (response.status === 409) return { kind: "conflict", review: answer.review ?? null };
    if (response.status === 403) return { kind: "refused", why: answer.error ?? "This map's folder is read-only." };
    return { kind: "refused", why: answer.error ?? `The server answered ${response.status}.` };
  } catch {
    return { kind: "refused", why: "The server does not answer. Is highwall view still running?" };
  }
}

async function get<T>(path: string): Promise<T> {
  const response = await fetch(BASE + path);
  if (!response.ok) {
    const { error } = (await response.json().catch(() => ({}))) as { error?: string };
    throw new Error(error ?? `${path}: the server answered ${response.status}`);
  }
  return (await response.json()) as T;
}
