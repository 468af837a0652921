import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { EvaluationSource } from '../../../src/lab/evaluation';
import { evaluationIdOf, identityOf, idOf } from '../../../src/lab/origin';

const none = { heldOut: [] };
const spoken = (tokens: number[], T: number): EvaluationSource =>
  ({ kind: 'model', sequences: { tokens: Uint32Array.from(tokens), n: tokens.length / T, T } }) as unknown as EvaluationSource;
const rows: EvaluationSource = { kind: 'rows', blocks: async function* () {} };

describe('what decides whether two runs may be compared', () => {
  it('is a hash that Node’s own gives of the same facts', async () => {
    expect(await idOf(['a', 1])).toBe(createHash('sha256').update('["a",1]').digest('hex'));
  });

  it('tells evaluation tokens apart by their ids and by how they are cut, not by what lies behind them in memory', async () => {
    const id = await evaluationIdOf(spoken([1, 2, 3, 4], 2), none);
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await evaluationIdOf(spoken([1, 2, 3, 5], 2), none)).not.toBe(id);
    expect(await evaluationIdOf(spoken([1, 2, 3, 4], 4), none)).not.toBe(id);
    const longer = { kind: 'model', sequences: { tokens: Uint32Array.of(0, 1, 2, 3, 4, 9).subarray(1), n: 2, T: 2 } };
    expect(await evaluationIdOf(longer as unknown as EvaluationSource, none)).toBe(id);
  });

  it('tells held-out rows apart by their ranges; nothing held out is no evaluation', async () => {
    const [a, b] = [[{ source: 0, start: 0, rows: 8 }], [{ source: 0, start: 8, rows: 8 }]];
    expect(await evaluationIdOf(rows, { heldOut: a })).not.toBe(await evaluationIdOf(rows, { heldOut: b }));
    expect(await evaluationIdOf(rows, none)).toBeUndefined();
  });

  it('leaves out what is not known, and says in words what is left out of the rows', () => {
    expect(identityOf({ normalize: 'none' })).toEqual({ filter: '', normalize: 'none' });
    const all = {
      rowsId: 'r',
      filter: 'without masked rows',
      hookName: 'h',
      modelId: 'm',
      evaluationId: 'e',
      normalize: 'mean-norm',
    } as const;
    const known = { rows: 'r', filter: 'without masked rows', hook: 'h', model: 'm', evaluation: 'e', normalize: 'mean-norm' };
    expect(identityOf(all)).toEqual(known);
  });
});
