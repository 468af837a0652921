/**
 * What TopK, BatchTopK and Matryoshka SAEs share: a = ReLU(u + b_enc), of which a selection keeps the largest, AuxK on dead latents, and the threshold
 * that inference uses. The WGSL is `shaders/sae/architectures/topk_family.wgsl`.
 */
import familyWgsl from '../../../shaders/sae/architectures/topk_family.wgsl?raw';
import { type Architecture, type ArchitectureOption, type OptionValues, PLAIN, type Traits, type TwinStep } from './types';

/** The first reaches the kernels. */
export const familyOptions: readonly ArchitectureOption[] = [
  {
    key: 'dead-after',
    label: 'Dead after',
    help: 'Rows without firing after which a latent counts as dead and AuxK may train it.',
    kind: 'number',
    default: 50_000,
    min: 1,
    max: 1e9,
  },
  {
    key: 'auxk',
    label: 'AuxK',
    help: 'Weight of the loss by which dead latents learn to decode what the others leave; 0 is without.',
    host: true,
    kind: 'number',
    default: 1 / 32,
    min: 0,
    max: 1e4,
  },
  {
    key: 'k-aux',
    label: 'Dead latents a row',
    help: 'How many of them AuxK takes a row; 0 stands for half the width of the activations.',
    host: true,
    kind: 'number',
    default: 0,
    min: 0,
    max: 1e6,
  },
  {
    key: 'threshold-decay',
    label: 'Threshold’s average',
    help: 'Share that the threshold keeps at each step; the rest is the least activation that the batch kept.',
    host: true,
    kind: 'number',
    default: 0.99,
    min: 0,
    max: 0.99999,
  },
  {
    key: 'threshold-start',
    label: 'Threshold from step',
    help: 'Steps before the threshold’s average begins.',
    host: true,
    kind: 'number',
    default: 100,
    min: 0,
    max: 1e9,
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
];

export const familyTraits = (o: OptionValues, selects: 'row' | 'batch'): Traits => ({
  ...PLAIN,
  aux: Number(o.auxk) > 0 ? 'error' : 'none',
  decoder: o.decoder === 'free' ? 'free' : 'unit',
  selects,
  ...(Number(o.auxk) > 0 && { auxK: { coefficient: Number(o.auxk), k: Number(o['k-aux']), deadAfter: Number(o['dead-after']) } }),
  inference: { by: o.threshold === 'k' ? 'k' : 'threshold', decay: Number(o['threshold-decay']), start: Number(o['threshold-start']) },
});

export const familyProblems = (o: OptionValues, { width, knob }: { width: number; knob: number }): string[] => [
  ...(knob > width ? [`k = ${knob} is more than the ${width} latents that there are.`] : []),
  ...(Number(o['k-aux']) > width ? [`k-aux=${o['k-aux']} is more than the ${width} latents that there are.`] : []),
  ...['k-aux', 'dead-after', 'threshold-start']
    .filter((key) => !Number.isInteger(o[key]))
    .map((key) => `${key} must be a whole number, not ${o[key]}.`),
];

/** What dictionary_learning's trainers of the family have, which differs from the defaults here. */
export const DICTIONARY_LEARNING: OptionValues = { 'dead-after': 10_000_000, 'threshold-decay': 0.999, 'threshold-start': 1000 };

/** How inference tells what fires: by a threshold, or by a selection as in training; in TypeScript and in WGSL. */
interface ByThreshold {
  holds(o: readonly number[]): boolean;
  wgsl: string;
}

/** All that the members have in common. */
export const familyOf = (id: string, byThreshold: ByThreshold) => {
  /** What fires is above this. */
  const floor = (o: readonly number[], { evaluates, threshold }: TwinStep) =>
    evaluates && byThreshold.holds(o) ? Math.max(0, threshold) : 0;
  return {
    family: 'topk',
    vectors: [{ name: 'b_enc', start: 0, role: 'bias' }],
    knob: {
      id: 'k',
      symbol: 'k',
      whole: true,
      power: 0,
      default: '5, 10, 20, 40',
      few: '5, 10, 40',
      above: 0,
      max: 1 << 20,
      help: 'Latents that are kept a row.',
    },
    // A threshold in place of the selection is the function of JumpReLU, which is how SAELens saves these too.
    savedAs: (o: OptionValues) => (familyTraits(o, 'row').inference?.by === 'k' ? id : 'jumprelu'),
    width: { default: '2x', equalCompute: 1.5 },
    needs: [familyWgsl],
    wgsl: `
fn ${id}_activate(run : Run, at : Point, latent : Latent) -> Activation {
  return topk_family_activate(run, at, latent, ${byThreshold.wgsl});
}
fn ${id}_touched(run : Run, u : f32, latent : Latent) -> bool {
  return topk_family_touched(run, u, latent, ${byThreshold.wgsl});
}
fn ${id}_backward(run : Run, at : Point, latent : Latent, act : Activation, we : f32, wa : f32) -> Backward {
  return topk_family_backward(act, we, wa);
}
`,
    twin: {
      // v is b_enc and, with AuxK, the rows since the latent last fired, this batch included.
      activate({ u }, [bEnc = 0, since = 0], o, step) {
        const a = u + bEnc > floor(o, step) ? u + bEnc : 0;
        const isDead = !step.evaluates && since >= (o[0] ?? 0);
        return { f: isDead ? 0 : a, gate: isDead ? a : 0, penalty: 0, extra: 0 };
      },
      touched: (u, [bEnc = 0], o, step) => u + bEnc > floor(o, step),
      backward({ act, we, wa }) {
        const g = act.gate > 0 ? 2 * wa : 2 * we;
        return { u: g, second: 0, norm: 0, vectors: [g] };
      },
    },
  } satisfies Partial<Architecture>;
};
