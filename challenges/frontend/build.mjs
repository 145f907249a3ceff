/**
 * One self-contained ES module per entry, into the folder given: `node build.mjs FOLDER`. No code is made at run time
 * and nothing is fetched, so a strict content security policy holds. `digests.json` lists the SHA-256 of each file for
 * publication: whoever mistrusts the served script can compare.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const ENTRIES = [
  "sealing",
  "officer-keys",
  "draft",
  "verify",
  "officer-keys-page",
  "envelope-keys-page",
  "sealing-page",
  "opening-page",
  "verifier-page",
];

const here = path.dirname(fileURLToPath(import.meta.url));
const target = path.resolve(process.argv[2] ?? path.join(here, "..", "..", "var", "frontend", "sealing"));
const fresh = `${target}.new`;
await rm(fresh, { recursive: true, force: true });
await mkdir(fresh, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: ENTRIES.map((name) => `src/${name}.js`),
  outdir: fresh,
  bundle: true,
  format: "esm",
  platform: "browser",
  target: ["chrome87", "firefox78", "safari14.1"],
  minify: true,
  legalComments: "linked",
  logLevel: "warning",
});
const digests = {};
for (const name of (await readdir(fresh)).filter((file) => file.endsWith(".js")).sort()) {
  digests[name] = createHash("sha256").update(await readFile(path.join(fresh, name))).digest("hex");
}
await writeFile(path.join(fresh, "digests.json"), `${JSON.stringify(digests, null, 2)}\n`);
await rm(target, { recursive: true, force: true });
await rename(fresh, target);
