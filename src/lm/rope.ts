/**
 * Rotary position embedding: which frequencies a config asks for, and the table of angles the kernel reads.
 *
 * Formulas are those of transformers' `modeling_rope_utils.py` (`default`, `linear`, `llama3`).
 */
import { isFields } from '../util/json';
import type { Fields } from './fields';

export interface Rope {
  theta: number;
  /** Dimensions of a head that are rotated, the first ones; all when absent. */
  dims?: number;
  /** `linear` divides every frequency by `factor`; `llama3` only the low ones, with a smooth passage. */
  scaling?:
    | { type: 'linear'; factor: number }
    | { type: 'llama3'; factor: number; lowFreqFactor: number; highFreqFactor: number; originalContext: number };
}

/**
 * Reads `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (4.x, with `type` or `rope_type`).
 * @param headDim given by families that may rotate a part of each head only (`partial_rotary_factor`, `rotary_pct`).
 * @throws DataError naming a scaling type that is not implemented, or parameters that differ between layers.
 */
export function parseRope(fields: Fields, context: number, headDim?: number): Rope {
  const key = fields.get('rope_parameters') !== undefined ? 'rope_parameters' : 'rope_scaling';
  const scaling = parametersOf(fields, key);
  const theta = (key === 'rope_parameters' && scaling?.get('rope_theta') !== undefined ? scaling : fields).positive(['rope_theta'], 10000);
  const dims = headDim === undefined ? undefined : rotatedDims(scaling, fields, headDim);
  scaling?.refuse('partial_rotary_factor', dims === undefined ? 1 : scaling.get('partial_rotary_factor'), 'partial rotary embedding');
  const base: Rope = { theta, ...(dims !== undefined && { dims }) };
  const type = scaling?.text(['rope_type', 'type'], 'default') ?? 'default';
  const old = scaling?.text(['type']);
  if (old !== undefined && old !== type) fields.fail(`${key} says both rope_type ${type} and type ${old}; keep the right one`);
  if (!scaling || type === 'default') return base;
  if (type === 'linear') return { ...base, scaling: { type, factor: scaling.positive(['factor']) } };
  if (type === 'llama3') {
    return {
      ...base,
      scaling: {
        type,
        factor: scaling.positive(['factor']),
        lowFreqFactor: scaling.positive(['low_freq_factor']),
        highFreqFactor: scaling.positive(['high_freq_factor']),
        originalContext: scaling.size(['original_max_position_embeddings'], context),
      },
    };
  }
  return fields.fail(`rope scaling ${type} is not supported; supported: default, linear, llama3`);
}

/** Rotated dimensions of a head, when they are not all. */
function rotatedDims(scaling: Fields | undefined, fields: Fields, headDim: number): number | undefined {
  const nested = scaling?.get('partial_rotary_factor') !== undefined;
  const factor = (nested ? (scaling as Fields) : fields).positive(['partial_rotary_factor', 'rotary_pct'], 1);
  return factor === 1 ? undefined : Math.floor(headDim * factor);
}

/** The one set of parameters: as they are, or nested under the only kind of layer that is supported. */
function parametersOf(fields: Fields, key: string): Fields | undefined {
  const parameters = fields.object(key);
  const kinds = parameters?.unread().filter(([, value]) => isFields(value)) ?? [];
  if (!parameters || kinds.length === 0) return parameters;
  const names = kinds.map(([name]) => name).join(', ');
  if (names !== 'full_attention')
    fields.fail(`rotary embedding that differs between layers (${key} is given by ${names}) is not supported`);
  return parameters.object('full_attention');
}

/** Angle per token of each of the dims/2 rotated pairs of a head, in radians: theta^(-2j/dims), scaled. */
export function ropeFrequencies({ theta, scaling, dims }: Rope, headDim: number): Float64Array {
  const rotated = dims ?? headDim;
  return Float64Array.from({ length: rotated / 2 }, (_, j) => {
    const frequency = theta ** ((-2 * j) / rotated);
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

/** (cos, sin) of t·frequency_j for t < length: `[length, dims/2, 2]`, computed in float64. */
export function ropeTable(rope: Rope, headDim: number, length: number): Float32Array {
  const frequencies = ropeFrequencies(rope, headDim);
  const rotated = 2 * frequencies.length;
  const table = new Float32Array(length * rotated);
  for (let t = 0; t < length; t++) {
    frequencies.forEach((frequency, j) => {
      table[t * rotated + 2 * j] = Math.cos(t * frequency);
      table[t * rotated + 2 * j + 1] = Math.sin(t * frequency);
    });
  }
  return table;
}
