// Lays out what the watch page needs beside its own files, for packages that are built without npm:
//
//   node web/vendor.mjs FOLDER     after "npm ci" in web/
//
// FOLDER/www has the files to serve, FOLDER/sources what they were made from, and the licences.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const web = path.dirname(fileURLToPath(import.meta.url));
const modules = path.join(web, "node_modules");

// What is in the files of the page. The last four are inside of the first.
const kLibraries = {
  "socket.io-client": {
    served: ["dist/socket.io.esm.min.js", "dist/socket.io.esm.min.js.map", "dist/socket.io.min.js", "dist/socket.io.min.js.map"],
    sources: ["build/esm"],
  },
  "hls.js": { served: ["dist/hls.min.js", "dist/hls.min.js.map"], sources: ["src"] },
  "engine.io-client": { served: [], sources: ["build/esm"] },
  "engine.io-parser": { served: [], sources: ["build/esm"] },
  "socket.io-parser": { served: [], sources: ["build/esm"] },
  "@socket.io/component-emitter": { served: [], sources: ["lib/esm"] },
};
const kOurs = ["mediasync.min.js", "mediasync.global.js"];

function copy(from, to) {
  fs.mkdirSync(path.dirname(to), { recursive: true });
  fs.cpSync(from, to, { recursive: true, dereference: true });
}

const [folder] = process.argv.slice(2);
if (!folder) throw new Error("usage: node web/vendor.mjs FOLDER");
const root = path.resolve(folder);
const locked = JSON.parse(fs.readFileSync(path.join(web, "package-lock.json"))).packages;
const lines = [];
for (const [name, { served, sources }] of Object.entries(kLibraries)) {
  const { version, license } = JSON.parse(fs.readFileSync(path.join(modules, name, "package.json")));
  const { version: wanted, integrity } = locked[`node_modules/${name}`];
  if (version !== wanted) throw new Error(`${name} ${version} is installed, the lock file has ${wanted}: run "npm ci" in web/`);
  for (const file of served) copy(path.join(modules, name, file), path.join(root, "www", path.basename(file)));
  for (const file of ["package.json", "LICENSE", ...sources]) copy(path.join(modules, name, file), path.join(root, "sources", name, file));
  lines.push(`${name} ${version} (${license})\n  ${integrity}\n`);
}
execFileSync(process.execPath, ["build.mjs"], { cwd: web });
for (const file of kOurs) copy(path.join(web, file), path.join(root, "www", file));
fs.writeFileSync(path.join(root, "README"), `Files that the watch page serves, as the npm registry has them. The sums are those of the packages there.

${lines.join("")}
mediasync.min.js and mediasync.global.js are the library in web/mediasync, made by web/build.mjs.
`);
