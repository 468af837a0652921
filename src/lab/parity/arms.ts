/**
 * Which architecture with which options a training case is: the one place where fixtures' words meet the table's. A case whose architecture or option
 * the table lacks is told by the table itself.
 */
import type { OptionValues } from '../../sae/architectures';
import type { ExpectedTraining } from './expected';

/** A case's arm, in the words of the table. */
export interface Arm {
  arch: string;
  options: OptionValues;
  /** Value of the architecture's knob. */
  knob: number;
  /** Exponents of the penalty and the steps after which they hold. */
  anneal?: { at: number[]; powers: number[]; queue: number };
  /** What steps.json says of every step that is a setting and no result. */
  settings?: Record<string, number>;
}

type Make = (given: Given) => Omit<Arm, 'knob'> & { knob?: number };

interface Given {
  /** A number of `hyper_parameters`. @throws Error when it isn't there. */
  number(name: string): number;
  list(name: string): number[];
  /** Weight of a term of the loss. */
  weight(term: string): number;
}

const gated = (options: OptionValues = {}) => ({ arch: 'gated', options });
const baseline = (options: OptionValues = {}) => ({ arch: 'baseline', options });
const jumprelu = ({ number }: Given, options: OptionValues) => ({ arch: 'jumprelu', options: { window: number('bandwidth'), ...options } });

const annealed = ({ number, list }: Given) => ({
  at: list('update_steps'),
  powers: list('p_values'),
  queue: number('queue_length'),
});

/** What the three of the top-k family share. */
const topK = ({ number, weight }: Given): { options: OptionValues; knob: number; settings: Record<string, number> } => ({
  options: {
    auxk: weight('auxk_loss'),
    'k-aux': number('k_aux'),
    'dead-after': number('dead_rows'),
    'threshold-decay': number('threshold_beta'),
    'threshold-start': number('threshold_start'),
  },
  knob: number('k'),
  settings: { k: number('k') },
});

const ARMS: Record<string, Make> = {
  // The first set names no case: its architecture, by SAELens' name.
  gated: () => gated(),
  standard: () => baseline(),
  resample_gated: () => ({ ...gated(), knob: 0 }),
  resample_standard: () => ({ ...baseline(), knob: 0 }),
  gated_unfrozen_aux: () => gated({ aux: 'unfrozen' }),
  gated_no_aux: () => gated({ aux: 'none' }),
  gated_no_rmag: () => gated({ r_mag: 'none' }),
  gated_untied: () => gated({ encoders: 'untied' }),
  gated_ril1_both_frozen: () => gated({ decoder: 'free', weighted: 'frozen' }),
  gated_ril1_unfrozen: () => gated({ aux: 'unfrozen', decoder: 'free', weighted: 'trained' }),
  gated_tanh: ({ number }) => gated({ penalty: 'tanh', 'penalty-constant': number('c') }),
  gated_sqrt: ({ number }) => gated({ penalty: 'sqrt', 'penalty-constant': number('eps') }),
  gated_log: ({ number }) => gated({ penalty: 'log', 'penalty-constant': number('eps') }),
  gated_anneal: (given) => ({ ...gated({ penalty: 'p' }), anneal: annealed(given) }),
  baseline_tanh: ({ number }) => baseline({ penalty: 'tanh', 'penalty-constant': number('c') }),
  baseline_sqrt: ({ number }) => baseline({ penalty: 'sqrt', 'penalty-constant': number('eps') }),
  p_anneal: (given) => ({ ...baseline({ penalty: 'p' }), anneal: annealed(given) }),
  standard_april: () => baseline({ decoder: 'free', weighted: 'trained' }),
  rescale_shift: () => ({ arch: 'rescale_shift', options: {}, knob: 0 }),
  no_heaviside: () => ({ arch: 'no_heaviside', options: {} }),
  jumprelu: (given) => ({
    ...jumprelu(given, { loss: 'target', 'target-l0': given.number('target_l0'), 'window-of': 'f' }),
    settings: { target_l0: given.number('target_l0') },
  }),
  jumprelu_l0: (given) => jumprelu(given, { loss: 'l0' }),
  jumprelu_l0_log: (given) => jumprelu(given, { loss: 'l0', theta: 'log' }),
  jumprelu_qf: (given) => jumprelu(given, { loss: 'frequency', omega0: given.number('omega_0') }),
  jumprelu_tanh_preact: (given) =>
    jumprelu(given, {
      loss: 'tanh',
      'tanh-constant': given.number('c'),
      'pre-act': given.number('lambda_P'),
      theta: 'log',
      through: 'z',
      decoder: 'free',
    }),
  topk: (given) => ({ arch: 'topk', ...topK(given) }),
  batch_topk: (given) => ({ arch: 'batchtopk', ...topK(given) }),
  matryoshka_batch_topk: (given) => {
    const { options, ...rest } = topK(given);
    return { arch: 'matryoshka', ...rest, options: { ...options, groups: given.list('group_sizes').join(' ') } };
  },
};

/** @throws Error when the case, or something that it should say of itself, is not known. */
export function armOf(e: Pick<ExpectedTraining, 'case' | 'architecture' | 'lambda' | 'hyper_parameters' | 'weights'>): Arm {
  const name = e.case ?? e.architecture;
  const make = ARMS[name];
  if (!make) throw new Error(`the case "${name}" is not one of those that are known here: ${Object.keys(ARMS).join(', ')}`);
  const given = (key: string) => {
    const value = e.hyper_parameters?.[key];
    if (value === undefined) throw new Error(`expected.json: hyper_parameters has no ${key}`);
    return value;
  };
  const arm = make({
    number: (key) => Number(given(key)),
    list: (key) => [given(key)].flat(),
    weight: (term) => Number(e.weights?.[term] ?? Number.NaN),
  });
  const knob = arm.knob ?? e.lambda;
  if (knob === undefined) throw new Error('expected.json has no lambda');
  return { ...arm, knob };
}

/** The greatest global norm of the gradient, 0 without clipping. @throws Error quoting words that are not known. */
export function clipOf({ clip }: Pick<ExpectedTraining, 'clip'>): number {
  if (clip === undefined || clip === null) return 0;
  const most = /times min\(1, (\d*\.?\d+)\/\(norm \+ 1e-6\)\)/.exec(clip)?.[1];
  if (most === undefined) throw new Error(`clip: "${clip}" is not a clipping that is known here`);
  return Number(most);
}
