/** Gating without a gate: one factor a latent on a baseline, whose encoder a copy of the decoder trains (the paper's discussion thread). */
import wgsl from '../../../shaders/sae/architectures/no_heaviside.wgsl?raw';
import { type Architecture, PLAIN } from './types';

export const noHeaviside: Architecture = {
  id: 'no_heaviside',
  title: 'No Heaviside',
  family: 'gated',
  line: 'A baseline with one factor for each latent, and a frozen copy of the decoder in a second term: Gated without its gate.',
  source: 'discussion of arXiv 2404.16014 on the Alignment Forum',
  code: 6,
  saelens: 'no_heaviside',
  vectors: [
    { name: 'b_enc', start: 0, role: 'bias' },
    { name: 't', start: 1, role: 'gain' },
  ],
  knob: {
    id: 'lambda',
    symbol: 'λ',
    power: 1,
    default: '0.1:0.8:4',
    few: '0.1, 0.25, 0.6',
    above: 0,
    max: 1e4,
    help: 'Weight of the L1 norm of the activations before their factors. Larger gives a smaller L0.',
  },
  options: [],
  traits: () => ({ ...PLAIN, aux: 'frozen' }),
  recipes: [['the paper’s discussion thread', {}]],
  width: { default: '2x', equalCompute: 1 },
  look: { symbol: 'cross', dash: 'dash' },
  wgsl,
  twin: {
    activate({ u }, [bEnc = 0, t = 0]) {
      const gate = Math.max(0, u + bEnc);
      return { f: t * gate, gate, penalty: gate, extra: 0 };
    },
    touched: (u, [bEnc = 0]) => u + bEnc > 0,
    backward({ at: { u }, v: [bEnc = 0, t = 0], we, wa, step }) {
      const g = 2 * (t * we + wa) + step.lambda;
      return { u: g, second: 0, norm: 0, vectors: [g, 2 * we * (u + bEnc)] };
    },
  },
};
