/**
 * Rotary position embedding: which frequencies a config asks for, and the table of angles the kernel reads.
 *
 * Formulas are those of transformers' `modeling_rope_utils.py` (`default`, `linear`, `llama3`).
 */
import type { Fields } from './fields';

export interface Rope {
  theta: number;
  /** `linear` divides every frequency by `factor`; `llama3` only the low ones, with a smooth passage. */
  scaling?:
    | { type: 'linear'; factor: number }
    | { type: 'llama3'; factor: number; lowFreqFactor: number; highFreqFactor: number; originalContext: number };
}

/**
 * Reads `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (4.x, with `type` or `rope_type`).
 * @throws DataError naming a scaling type that is not implemented.
 */
export function parseRope(fields: Fields, context: number): Rope {
  const parameters = fields.object('rope_parameters');
  const scaling = parameters ?? fields.object('rope_scaling');
  const theta = (parameters?.get('rope_theta') !== undefined ? parameters : fields).positive(['rope_theta'], 10000);
  scaling?.refuse('partial_rotary_factor', 1, 'partial rotary embedding');
  const type = scaling?.text(['rope_type', 'type'], 'default') ?? 'default';
  if (!scaling || type === 'default') return { theta };
  const factor = scaling.positive(['factor'], 1);
  if (type === 'linear') return { theta, scaling: { type, factor } };
  if (type === 'llama3') {
    return {
      theta,
      scaling: {
        type,
        factor,
        lowFreqFactor: scaling.positive(['low_freq_factor'], 1),
        highFreqFactor: scaling.positive(['high_freq_factor'], 4),
        originalContext: scaling.size(['original_max_position_embeddings'], context),
      },
    };
  }
  return fields.fail(`rope scaling ${type} is not supported; supported: default, linear, llama3`);
}

/** Angle per token of each of the headDim/2 pairs, in radians: theta^(-2j/headDim), scaled. */
export function ropeFrequencies({ theta, scaling }: Rope, headDim: number): Float64Array {
  return Float64Array.from({ length: headDim / 2 }, (_, j) => {
    const frequency = theta ** ((-2 * j) / headDim);
    if (!scaling) return frequency;
    if (scaling.type === 'linear') return frequency / scaling.factor;
    const { factor, lowFreqFactor, highFreqFactor, originalContext } = scaling;
    const wavelength = (2 * Math.PI) / frequency;
    if (wavelength < originalContext / highFreqFactor) return frequency;
    if (wavelength > originalContext / lowFreqFactor) return frequency / factor;
    const smooth = (originalContext / wavelength - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
}

/** (cos, sin) of t·frequency_j for t < length: `[length, headDim/2, 2]`, computed in float64. */
export function ropeTable(rope: Rope, headDim: number, length: number): Float32Array {
  const frequencies = ropeFrequencies(rope, headDim);
  const table = new Float32Array(length * headDim);
  for (let t = 0; t < length; t++) {
    frequencies.forEach((frequency, j) => {
      table[t * headDim + 2 * j] = Math.cos(t * frequency);
      table[t * headDim + 2 * j + 1] = Math.sin(t * frequency);
    });
  }
  return table;
}
