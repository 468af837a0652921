/** `parity` on the fixtures, and on fixtures that were made wrong. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openTensors } from '../lm/safetensors';
import { at, type Json, lab } from './harness';

interface Line {
  case: string;
  holds: boolean;
  over?: number;
  what?: string;
  problem?: string;
}
const linesOf = (json: Json) => json.cases as Line[];

describe('what holds', () => {
  it('training steps, models and saved SAEs, each with what was computed in its own folder', async () => {
    const root = at('cases');
    cpSync('tests/fixtures/train', join(root, 'train'), { recursive: true });
    cpSync('tests/fixtures/lm/gpt2', join(root, 'lm/gpt2'), { recursive: true });
    const { code, out } = await lab('parity', root, '--out', at('computed'));
    expect(out).toMatch(/^ok {5}lm\/gpt2 .*\nok {5}train\/baseline .*\nok {5}train\/gated .*\nAll 3 cases hold/);
    expect(code).toBe(0);
    const computed = (name: string) => readFileSync(at('computed', name), 'utf8');
    const steps = JSON.parse(computed('train/gated/steps.json')) as Json[];
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i));
    expect(Object.keys(steps[3] ?? {})).toEqual(['step', 'lr', 'lambda', 'mse_loss', 'sparsity_loss', 'aux_loss', 'loss', 'l0', 'gamma']);
    const ce = JSON.parse(computed('lm/gpt2/ce.json')) as { ce: number[][]; ce_clean: number; spliced: Record<string, Json> };
    expect(ce.ce.map((row) => row.length)).toEqual([23, 23]);
    expect(Object.keys(ce.spliced['blocks.0.hook_mlp_out'] ?? {})).toEqual(['zero', 'mean', 'half']);
    // Names and orientation of the fixture.
    const [made, wanted] = [at('computed/train/gated'), 'tests/fixtures/train/gated'].map((folder) =>
      openTensors(`${folder}/final.safetensors`),
    );
    for (const name of ['W_enc', 'W_dec', 'b_dec', 'b_gate', 'r_mag', 'b_mag']) expect(made?.shape(name)).toEqual(wanted?.shape(name));
  });
});

describe('what is missed', () => {
  it('another learning rate, a formula that is not known here, and a folder without a case', async () => {
    const root = at('wrong');
    for (const name of ['lr', 'formula']) cpSync('tests/fixtures/train/gated', join(root, name), { recursive: true });
    const change = (name: string, make: (expected: Json) => Json) => {
      const path = join(root, name, 'expected.json');
      writeFileSync(path, JSON.stringify(make(JSON.parse(readFileSync(path, 'utf8')) as Json)));
    };
    change('lr', (expected) => ({ ...expected, lr: 2e-3 }));
    change('formula', (expected) => ({ ...expected, case: 'gated_cubed' }));
    const { code, out } = await lab('parity', root, '--form', 'sparse', '--json');
    expect(code).toBe(1);
    const lines = linesOf(JSON.parse(out.trimEnd().split('\n').at(-1) ?? '') as Json);
    expect(lines.map(({ holds }) => holds)).toEqual([false, false]);
    expect(lines[0]?.problem).toMatch(/the case "gated_cubed" is not one of those that are known here: gated, /);
    expect(lines[1]?.over).toBeGreaterThan(1);
    mkdirSync(at('nothing'), { recursive: true });
    const none = await lab('parity', at('nothing'));
    expect([none.code, none.err]).toEqual([1, expect.stringMatching(/no case was found/)]);
  });
});
