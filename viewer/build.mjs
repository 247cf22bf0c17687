// Bundles src/ into the Python package: index.html, assets/ with a hash in each name, and the licences of all in it.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { build } from "esbuild";

const OUT = new URL("../src/highwall/viewer/static/", import.meta.url);
const PACKAGES = new URL("node_modules/", import.meta.url);

const named = (stem, content, suffix) =>
  `${stem}-${createHash("sha256").update(content).digest("hex").slice(0, 10)}${suffix}`;

// MapLibre starts its worker from an address of its own: an asset beside ours, under a name that every server knows.
const worker = await readFile(new URL("maplibre-gl/dist/maplibre-gl-worker.mjs", PACKAGES), "utf8");
const workerText = worker.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n");
const workerName = named("maplibre-worker", workerText, ".js");

const { outputFiles, metafile } = await build({
  entryPoints: ["src/main.ts"],
  absWorkingDir: new URL(".", import.meta.url).pathname,
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  format: "esm",
  target: "es2022",
  outdir: "out",
  legalComments: "none", // they are in LICENSES.txt
  loader: { ".svg": "dataurl" },
  define: { WORKER_NAME: JSON.stringify(workerName) },
});

await rm(OUT, { recursive: true, force: true });
await mkdir(new URL("assets/", OUT), { recursive: true });
await writeFile(new URL(`assets/${workerName}`, OUT), workerText);
let page = await readFile(new URL("src/index.html", import.meta.url), "utf8");
for (const { path, contents } of outputFiles) {
  const suffix = path.endsWith(".css") ? ".css" : ".js";
  const name = named("page", contents, suffix);
  await writeFile(new URL(`assets/${name}`, OUT), contents);
  page = page.replace(`main${suffix}`, `assets/${name}`);
}
await writeFile(new URL("index.html", OUT), page);
await writeFile(new URL("LICENSES.txt", OUT), await licences(bundledPackages(metafile)));

/** Packages with a file in the bundle, and all that they were built from (MapLibre ships as one file). */
function bundledPackages({ inputs }) {
  const names = Object.keys(inputs).map((input) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1]);
  return [...new Set(names.filter(Boolean))];
}

async function licences(names) {
  const parts = [];
  const queue = [...names];
  const seen = new Set(queue);
  for (let name = queue.shift(); name; name = queue.shift()) {
    const root = new URL(`${name}/`, PACKAGES);
    const about = JSON.parse(await readFile(new URL("package.json", root), "utf8"));
    const text = (await readdir(root)).find((file) => /^licen[cs]e/i.test(basename(file)));
    const body = text ? await readFile(new URL(text, root), "utf8") : `${about.license} (the package holds no text)`;
    if (!name.startsWith("@types/")) parts.push([`${name} ${about.version} (${about.license})`, body.trim()]);
    for (const next of Object.keys(about.dependencies ?? {})) {
      if (!seen.has(next)) queue.push(next);
      seen.add(next);
    }
  }
  const rule = "=".repeat(80);
  const sorted = parts.sort(([a], [b]) => (a < b ? -1 : 1));
  return `The page of \`highwall view\` contains these packages.\n\n${sorted
    .map(([title, body]) => `${rule}\n${title}\n${rule}\n\n${body.replace(/\r\n/g, "\n")}\n`)
    .join("\n")}`;
}
