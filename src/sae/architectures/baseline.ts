/** Baseline SAE: one encoder with ReLU, L1 penalty (paper eq. 2–4), and other penalties of the same. */
import wgsl from '../../../shaders/sae/architectures/baseline.wgsl?raw';
import penaltyWgsl from '../../../shaders/sae/architectures/penalty.wgsl?raw';
import { annealing, isAnnealed, penalty, penaltyFeatures, penaltyOptions, penaltyProblems, penaltyTraits } from './penalty';
import { type Architecture, PLAIN } from './types';

export const baseline: Architecture = {
  id: 'baseline',
  title: 'Baseline',
  family: 'relu',
  line: 'One ReLU encoder with an L1 penalty: what a Gated SAE is compared with.',
  source: 'Bricken et al. 2023; Rajamanoharan et al. 2024, eq. 2–4',
  code: 0,
  saelens: 'standard',
  vectors: [{ name: 'b_enc', start: 0, role: 'bias' }],
  knob: {
    id: 'lambda',
    symbol: 'λ',
    power: 1,
    default: '0.05:0.4:4',
    few: '0.05, 0.12, 0.3',
    above: 0,
    max: 1e4,
    help: 'Weight of the L1 norm of the latents’ activations. Larger gives a smaller L0.',
  },
  options: [...penaltyOptions],
  traits: (o) => ({ ...PLAIN, ...penaltyTraits(o), firesWhereTouched: true }),
  problems: penaltyProblems,
  anneal: annealing,
  recipes: [
    ['paper (Rajamanoharan et al. 2024); dictionary_learning StandardTrainer', {}],
    ['Anthropic, April 2024; dictionary_learning StandardTrainerAprilUpdate', { weighted: 'trained', decoder: 'free' }],
    ['dictionary_learning PAnnealTrainer', { penalty: 'p' }],
  ],
  width: { default: '3x', equalCompute: 1.5 },
  look: { symbol: 'square', dash: 'dot' },
  features: penaltyFeatures,
  needs: [penaltyWgsl],
  wgsl,
  twin: {
    activate({ u, norm }, [bEnc = 0], [kind = 0, constant = 0, weighted = 0], step) {
      const f = Math.max(0, u + bEnc);
      const seen = weighted > 0 ? f * norm : f;
      return {
        f,
        gate: f,
        penalty: penalty(kind, constant, step.power, seen).value,
        extra: isAnnealed(kind) ? penalty(kind, constant, step.nextPower, seen).value : 0,
      };
    },
    touched: (u, [bEnc = 0]) => u + bEnc > 0,
    backward({ at: { u, norm }, v: [bEnc = 0], o: [kind = 0, constant = 0, weighted = 0], we, step }) {
      const f = u + bEnc;
      const weight = weighted > 0 ? norm : 1;
      const slope = step.lambda * penalty(kind, constant, step.power, f * weight).slope;
      const g = 2 * we + slope * weight;
      return { u: g, second: 0, norm: weighted > 1 ? slope * f : 0, vectors: [g] };
    },
  },
};
