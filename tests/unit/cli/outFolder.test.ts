import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { putAside } from '../../../src/cli/outFolder';

const root = mkdtempSync(join(tmpdir(), 'lab-out-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it('moves what an earlier call left, each time to a folder of its own, and leaves what is not the lab’s', async () => {
  const out = join(root, 'out');
  expect(await putAside(out)).toBeUndefined();
  mkdirSync(join(out, 'r1_gated_32_lambda0.1_seed0'), { recursive: true });
  writeFileSync(join(out, 'r1_gated_32_lambda0.1_seed0', 'cfg.json'), 'first');
  writeFileSync(join(out, 'results.json'), 'first');
  writeFileSync(join(out, 'notes.txt'), 'mine');
  expect(await putAside(out)).toBe(`${out}.earlier-1`);
  expect(readdirSync(out)).toEqual(['notes.txt']);
  expect(readFileSync(`${out}.earlier-1/r1_gated_32_lambda0.1_seed0/cfg.json`, 'utf8')).toBe('first');

  writeFileSync(join(out, 'result.json'), 'second');
  expect(await putAside(out)).toBe(`${out}.earlier-2`);
  expect(readFileSync(`${out}.earlier-1/results.json`, 'utf8')).toBe('first');
  expect(readFileSync(`${out}.earlier-2/result.json`, 'utf8')).toBe('second');
});
