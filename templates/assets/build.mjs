// Bundles src/ and css/ into dist/ under names that hold a hash of their
// content, and writes dist/manifest.json, which the Go side reads.
import * as esbuild from "esbuild";
import { readdirSync, rmSync, writeFileSync } from "node:fs";

for (const name of readdirSync("dist")) {
  if (name !== ".keep") rmSync(`dist/${name}`, { recursive: true });
}

const { metafile } = await esbuild.build({
  entryPoints: ["src/app.js", "src/theme.js", "css/app.css"],
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  minify: true,
  target: "es2022",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  legalComments: "linked",
  metafile: true,
  logLevel: "warning",
});

const manifest = {};
for (const [path, output] of Object.entries(metafile.outputs)) {
  if (!output.entryPoint) continue;
  manifest[output.entryPoint.split("/").pop()] = path.split("/").pop();
}
writeFileSync("dist/manifest.json", JSON.stringify(manifest, null, 1));
