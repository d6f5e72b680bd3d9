// node tests/fuzz/network/run.mjs SECONDS [SEED] — the hostile clients of fuzz.mjs, in rounds of five minutes.
import { fuzz } from './fuzz.mjs';

const kRound = 300;

const seconds = Number(process.argv[2] ?? 3600);
let seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 31));
const sum = { steps: 0, songs: 0 };
for (let left = seconds; left > 0; left -= kRound, ++seed) {
  const { steps, songs } = await fuzz({ seconds: Math.min(left, kRound), seed });
  sum.steps += steps;
  sum.songs += songs;
  console.log(`seed ${seed}: ${steps} steps, ${songs} songs`);
}
console.log(`${sum.steps} steps of hostile clients, ${sum.songs} things said among them: nothing lost`);
process.exit(0);
