import { it } from 'vitest';
import { bitsOf, sweep } from './sweep';
import { layoutOf } from '../../../src/sae/layout';
it('x', async () => {
  const out: Buffer[] = [];
  for (const flopsPerMs of [1e9, 1e-3]) {
    const s = await sweep([{ arch: 'gated', width: 33, seed: 10 }], { batch: 101, flopsPerMs });
    console.log(s.trainer.layout.blockRows);
    for (let i = 0; i < 20; i++) await s.trainer.step(s.slots(i));
    out.push(bitsOf(await s.trainer.weights(0)));
    s.destroy();
  }
  let n = 0; let worst = 0;
  const a = new Float32Array(out[0]!.buffer.slice(out[0]!.byteOffset, out[0]!.byteOffset + out[0]!.length)), b = new Float32Array(out[1]!.buffer.slice(out[1]!.byteOffset, out[1]!.byteOffset + out[1]!.length));
  for (let i = 0; i < a.length; i++) { if (a[i] !== b[i]) n++; worst = Math.max(worst, Math.abs(a[i]! - b[i]!)); }
  console.log('differing', n, 'of', a.length, 'worst', worst);
  for (const f of [1e10, 2e7, 2.2e7]) {
    const lim = { maxStorageBufferBindingSize: 2 ** 27, flopsPerMs: f };
    const demo = layoutOf(512, 1024, [...Array(4).fill({ arch: 'gated', width: 1024 }), ...Array(4).fill({ arch: 'baseline', width: 1536 })], lim);
    const alone = layoutOf(512, 1024, [{ arch: 'gated', width: 1024 }], lim);
    console.log(f, 'demo sweep', demo.blockRows, 'alone', alone.blockRows);
  }
});
