/** Tiles of the classes without those that are hidden: the colours of a hidden class become transparent. */
import { addProtocol } from "maplibre-gl";
import type { LegendClass } from "./contract.ts";

const SCHEME = "shown";

/** Address that leaves the hidden classes out of the tiles at `url`. */
export function withoutHidden(url: string, legend: LegendClass[], hidden: ReadonlySet<string>): string {
  const colors = legend.map((one) => `${one.color.slice(1)}${hidden.has(one.name) ? "-" : "+"}`);
  return hidden.size ? `${SCHEME}://${colors.join(",")}/${url}` : url;
}

addProtocol(SCHEME, async ({ url }, abort) => {
  const [, colors = "", address = ""] = /^shown:\/\/([^/]*)\/(.*)$/.exec(url) ?? [];
  const response = await fetch(address, { signal: abort.signal });
  if (!response.ok || response.status === 204) throw new Error(`no tile at ${address}`);
  const picture = await createImageBitmap(await response.blob());
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return { data: picture };
  context.drawImage(picture, 0, 0);
  const pixels = context.getImageData(0, 0, picture.width, picture.height);
  hide(pixels.data, colors.split(",").map(parsed));
  context.putImageData(pixels, 0, 0);
  return { data: await createImageBitmap(canvas) };
});

interface Color {
  rgb: [number, number, number];
  hidden: boolean;
}

function parsed(text: string): Color {
  const value = Number.parseInt(text.slice(0, 6), 16);
  return { rgb: [value >> 16, (value >> 8) & 255, value & 255], hidden: text.endsWith("-") };
}

/** Clear the RGBA pixels whose nearest colour is a hidden one. */
export function hide(pixels: Uint8ClampedArray, colors: Color[]): void {
  for (let i = 0; i < pixels.length; i += 4) {
    if (!pixels[i + 3]) continue;
    let least = Number.POSITIVE_INFINITY;
    let hidden = false;
    for (const { rgb, hidden: its } of colors) {
      const distance = rgb.reduce((sum, value, k) => sum + (value - (pixels[i + k] ?? 0)) ** 2, 0);
      if (distance < least) [least, hidden] = [distance, its];
    }
    if (hidden) pixels[i + 3] = 0;
  }
}
