/** A language model's case through the product: every hook's value, every splice and the loss of every token against transformers'. */
import { readFloats } from '../../gpu/buffers';
import type { Gpu } from '../../gpu/device';
import type { LanguageModel } from '../../lm/model';
import { type SpliceMode, Splicer, spliceValue } from '../../lm/splice';
import { absolute, exact, type Finding, largest, type Outcome, type Tensors } from './findings';

/** `expected.json`, as far as it is used. */
export interface ExpectedModel {
  ce_clean: number;
  spliced: Record<string, Record<SpliceMode, number>>;
}

export const MODEL_TOLERANCE = 1e-4;
const MODES: readonly SpliceMode[] = ['zero', 'mean', 'half'];

const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

/** @param values the case's tensors: `input_ids` [n, T], `ce` [n, T-1], one [n, T, width] a hook. */
export async function checkModel(gpu: Gpu, model: LanguageModel, expected: ExpectedModel, values: Tensors): Promise<Outcome> {
  const ids = values.get('input_ids');
  const [n, T] = (ids?.shape ?? []) as [number, number];
  if (!ids || n === undefined || T === undefined) throw new Error('expected.safetensors has no input_ids [n, T]');
  const tokens = Uint32Array.from(ids.data);
  const findings: Finding[] = [];
  const spliced: Record<string, Record<string, number>> = {};
  let clean: Float32Array | undefined;
  for (const [hook, wanted] of Object.entries(expected.spliced)) {
    const width = model.hooks.find(({ name }) => name === hook)?.width;
    if (width === undefined) {
      findings.push(exact(`the model has no hook ${hook} here`, false));
      continue;
    }
    const value = model.prefix(hook, tokens, n, T);
    findings.push(largest(hook, await readFloats(gpu, value.buffer, 0, n * T * width), values.get(hook)?.data ?? [], MODEL_TOLERANCE));
    const splicer = await Splicer.create(gpu, width, n * T);
    try {
      const means: Record<string, number> = {};
      for (const mode of MODES) {
        means[mode] = mean(await model.crossEntropy(await spliceValue(splicer, mode, value)));
        findings.push(absolute(`CE with ${hook} replaced (${mode})`, means[mode], wanted[mode], MODEL_TOLERANCE));
      }
      spliced[hook] = means;
      clean = await model.crossEntropy();
    } finally {
      splicer.destroy();
    }
  }
  if (clean) {
    findings.push(largest('CE of each token', clean, values.get('ce')?.data ?? [], MODEL_TOLERANCE));
    findings.push(absolute('mean CE', mean(clean), expected.ce_clean, MODEL_TOLERANCE));
  }
  gpu.check();
  const rows = Array.from({ length: n }, (_, i) => Array.from(clean?.subarray(i * (T - 1), (i + 1) * (T - 1)) ?? []));
  return { findings, computed: { 'ce.json': { json: { ...(clean && { ce_clean: mean(clean) }), ce: rows, spliced } } } };
}
