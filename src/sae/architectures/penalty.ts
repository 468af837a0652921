/**
 * Penalties of gate or latent activations z >= 0, summed over the latents: what `gated` and `baseline` offer, and their options. The WGSL is
 * `shaders/sae/architectures/penalty.wgsl`. None of them is divided by its constant: tanh has slope c at 0, log slope 1/ε.
 */
import type { ArchitectureOption, OptionValues, Traits } from './types';

/** The kernels see the place. */
const PENALTIES = ['l1', 'tanh', 'sqrt', 'log', 'p'] as const;
const [L1, TANH, SQRT, LOG] = [0, 1, 2, 3];
/** Where `penalty-constant` is 0. */
const STANDARD: Readonly<Record<string, number>> = { tanh: 4, sqrt: 1e-6, log: 0.1 };

/** In this order: `penalty`, `penalty-constant`, `weighted` reach the kernels. */
export const penaltyOptions: readonly ArchitectureOption[] = [
  {
    key: 'penalty',
    label: 'Penalty',
    help: 'What λ weighs, summed over the activations a: a, tanh(c·a), √(a + ε), log(1 + a/ε), or aᵖ with p falling from 1 (p-annealing). tanh takes about a quarter of the λ of a (its slope at 0 is c), √ and log a tenth.',
    kind: 'choice',
    default: 'l1',
    choices: PENALTIES,
  },
  {
    key: 'penalty-constant',
    label: 'Its constant',
    help: 'c of tanh, ε of √ and log; 0 stands for 4, 1e-6 and 0.1.',
    kind: 'number',
    default: 0,
    min: 0,
    max: 1e4,
  },
  {
    key: 'weighted',
    label: 'Weighted by decoder norms',
    help: 'Whether the penalty sees each activation times the norm of its decoder row, and whether that norm learns from it.',
    kind: 'choice',
    default: 'no',
    choices: ['no', 'frozen', 'trained'],
  },
  {
    key: 'decoder',
    label: 'Decoder rows',
    help: 'Held at norm 1, or free.',
    host: true,
    kind: 'choice',
    default: 'unit',
    choices: ['unit', 'free'],
  },
  {
    key: 'p-end',
    label: 'p at the end',
    help: 'Where p-annealing ends.',
    host: true,
    kind: 'number',
    default: 0.2,
    min: 0.05,
    max: 1,
  },
  {
    key: 'p-steps',
    label: 'Values of p',
    help: 'How many values p takes from 1 to its end; λ is corrected at each change so that the term keeps its size.',
    host: true,
    kind: 'number',
    default: 10,
    min: 2,
    max: 1000,
  },
  {
    key: 'p-from',
    label: 'Annealing begins',
    help: 'Fraction of the steps after which p begins to fall.',
    host: true,
    kind: 'number',
    default: 0.2,
    min: 0,
    max: 0.95,
  },
  {
    key: 'p-queue',
    label: 'Steps of the correction',
    help: 'λ is corrected by the penalties of this many last steps, at the old and the new p.',
    host: true,
    kind: 'number',
    default: 10,
    min: 1,
    max: 10,
  },
];

/** For the WGSL: which penalties but L1 are in use. */
export const penaltyFeatures = Object.fromEntries(
  PENALTIES.slice(1).map((kind) => [`PENALTY_${kind.toUpperCase()}`, (o: OptionValues) => o.penalty === kind]),
);

const constantOf = (kind: number, given: number): number => given || (STANDARD[PENALTIES[kind] as string] ?? 0);

/** The penalty of z > 0 and its derivative. @param kind place in the list of penalties. @param power of the last kind. */
export function penalty(kind: number, constant: number, power: number, z: number): { value: number; slope: number } {
  const c = constantOf(kind, constant);
  if (!(z > 0)) return { value: 0, slope: 0 };
  if (kind === L1) return { value: z, slope: 1 };
  if (kind === TANH) return { value: Math.tanh(c * z), slope: c * (1 - Math.tanh(c * z) ** 2) };
  // Less what a silent latent has, which the host adds for all (`silentPenalty`).
  if (kind === SQRT) return { value: Math.sqrt(z + c) - Math.sqrt(c), slope: 0.5 / Math.sqrt(z + c) };
  if (kind === LOG) return { value: Math.log1p(z / c), slope: 1 / (c + z) };
  return { value: z ** power, slope: power * z ** (power - 1) };
}

/** Whether the penalty is annealed, by the kernels' options. */
export const isAnnealed = (kind: number): boolean => kind === PENALTIES.length - 1;

/** What the penalty's options make of the traits. */
export const penaltyTraits = (o: OptionValues): Pick<Traits, 'decoder' | 'norms' | 'settles' | 'silentPenalty'> => ({
  decoder: o.decoder === 'free' ? 'free' : 'unit',
  norms: o.weighted !== 'no',
  ...(o.penalty === 'p' && { settles: 'anneal' as const }),
  ...(o.penalty === 'sqrt' && { silentPenalty: Math.sqrt(constantOf(SQRT, Number(o['penalty-constant']))) }),
});

export function penaltyProblems(o: OptionValues): string[] {
  const anneals = o.penalty === 'p';
  const own = ['p-end', 'p-steps', 'p-from', 'p-queue'];
  const idle = own.filter((key) => !anneals && o[key] !== penaltyOptions.find((option) => option.key === key)?.default);
  return [
    ...(o.weighted !== 'no' && o.decoder === 'unit'
      ? [`weighted=${o.weighted} does nothing where decoder rows are held at norm 1: choose decoder=free, or weighted=no.`]
      : []),
    ...((o.penalty === 'l1' || anneals) && Number(o['penalty-constant']) !== 0
      ? [`penalty=${o.penalty} has no constant: leave penalty-constant at 0.`]
      : []),
    ...(idle.length > 0 ? [`${idle.join(', ')} belong to penalty=p, and the penalty is ${o.penalty}.`] : []),
    ...['p-steps', 'p-queue'].filter((key) => !Number.isInteger(o[key])).map((key) => `${key} must be a whole number, not ${o[key]}.`),
  ];
}

/**
 * When p changes in a run of `steps` steps: after step at[i] it is powers[i]. The first change leaves it at 1, as dictionary_learning's PAnnealTrainer;
 * the values are evenly spaced, and so are the changes from `p-from` to the end. Undefined without annealing.
 */
export function annealing(o: OptionValues, steps: number): { at: number[]; powers: number[]; queue: number } | undefined {
  if (o.penalty !== 'p') return undefined;
  const [end, count, from, queue] = ['p-end', 'p-steps', 'p-from', 'p-queue'].map((key) => Number(o[key])) as [
    number,
    number,
    number,
    number,
  ];
  const first = from * steps;
  return {
    at: Array.from({ length: count }, (_, i) => Math.floor(first + (i * (steps - first)) / count)),
    powers: Array.from({ length: count }, (_, i) => 1 + (i * (end - 1)) / (count - 1)),
    queue,
  };
}
