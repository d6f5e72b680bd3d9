// Makes the small files of the package: mediasync.min.js, an ES module, and mediasync.global.js, a classic script that makes
// `MediaSync` a global. They have all of the library, without the adapters.
import fs from "node:fs";
import { build } from "esbuild";
import { minify } from "terser";

// Names that only the library's own modules use with each other; shorter ones make a fifteenth of the size. All others are the API's,
// the protocol's or the browser's.
const kInternal = `
  at(?:End|Time)  assume  bestOf  blindUntil  canEnd  comeBack  corrected  decide  deviation  disturb  edge  excuse  facts  follow  forget  free  guess
  hasData  hasLeft  hold(?:s)  isArriving  isAsking  isDead  isDue  isDated  isFresh  isGivenUp  isOpen(?:ing)?  isPrecise
  isSettled  isStarved  isTouchedSince  note(?:Play|Seek|Shaken)  keepsPitch  looksAnew  mean  measure  most  nearest  obstacle  offsetAt
  on(?:Blocked|Correction|Lost|Measured|Mended|Moved|Opened|Stalled|Stuck|Trouble|User)  overrule  positionAt  reading  ready  receivedLate
  renew  reopen  seenAt  sendPlayback  serverReceivedAt  serverSentAt  serverTime  startsAt  summary  takeUnsent
  toSession  unlock  unsent  wakeAt  whoPaused`.trim().split(/\s+/);

async function smallFile(outfile, options, isModule) {
  const bundled = await build({
    entryPoints: ["mediasync.js"], bundle: true, minify: true, write: false, logLevel: "warning", target: "es2022",
    mangleProps: new RegExp(`^(?:${kInternal.join("|")})$`), ...options,
  });
  const { code } = await minify(bundled.outputFiles[0].text, {
    module: isModule, mangle: { toplevel: isModule }, compress: { passes: 5, pure_getters: true, unsafe: true, unsafe_arrows: true, ecma: 2020 },
  });
  fs.writeFileSync(outfile, code);
}

await smallFile("mediasync.min.js", { format: "esm" }, true);
await smallFile("mediasync.global.js", {
  format: "iife", globalName: "mediasyncModule", footer: { js: "globalThis.MediaSync=mediasyncModule.MediaSync;" },
}, false);
