import { it } from 'vitest';
import { sweep } from '../sae/sweep';
it('x', async () => {
  for (const lr of [1e4,1e5,1e6,1e10]) for (const seed of [1,2,3,4]) {
    const s = await sweep([{ arch: 'gated', width: 33, seed, schedule: { lr, lambdaWarmup: 0 } }], {});
    let bad = -1, last;
    for (let i = 0; i < 14; i++) {
      const log = (await (await s.trainer.step(s.slots(i), true)).log)?.[0];
      if (bad < 0 && !Number.isFinite(log?.loss)) bad = i;
      last = [log?.loss, log?.l0];
    }
    console.log('GATED', lr, seed, bad, last);
  }
});
