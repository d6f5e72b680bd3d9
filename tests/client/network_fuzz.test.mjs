// The network fuzzer, for some seconds. For an hour: scripts/fuzz 3600 network.
import { fuzz } from '../fuzz/network/fuzz.mjs';
import { describe, it } from './harness/index.mjs';

const kSeconds = Number(process.env.MEDIASYNC_NETWORK_FUZZ_SECONDS ?? 12);
const kSeed = Number(process.env.MEDIASYNC_NETWORK_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

describe('hostile clients', () => {
  it('that do anything in any order disturb nobody', async (t) => {
    t.diagnostic(`MEDIASYNC_NETWORK_FUZZ_SEED=${kSeed}`);
    const { steps, songs } = await fuzz({ seconds: kSeconds, seed: kSeed });
    t.diagnostic(`${steps} steps, ${songs} songs`);
  });
});
