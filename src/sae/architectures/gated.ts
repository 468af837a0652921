/** Gated SAE: gate and magnitude share W_enc, an auxiliary loss trains the gate (paper eq. 5–8, tied weights of 3.2.1), and the paper's ablations. */
import wgsl from '../../../shaders/sae/architectures/gated.wgsl?raw';
import penaltyWgsl from '../../../shaders/sae/architectures/penalty.wgsl?raw';
import { annealing, isAnnealed, penalty, penaltyFeatures, penaltyOptions, penaltyProblems, penaltyTraits } from './penalty';
import { type Architecture, PLAIN, type Recipe } from './types';

/** Whose recipe: the paper's, and those of others that differ from it. */
const RECIPES: readonly Recipe[] = [
  ['paper (Rajamanoharan et al. 2024); dictionary_learning GatedSAETrainer', {}],
  ['SAELens 6.49 gated (auxiliary decoder and decoder norms both unfrozen)', { aux: 'unfrozen', weighted: 'trained', decoder: 'free' }],
  ['dictionary_learning GatedAnnealTrainer', { penalty: 'p' }],
  ['paper, ablation: auxiliary decoder unfrozen', { aux: 'unfrozen' }],
  ['paper, ablation: no r_mag', { r_mag: 'none' }],
  ['paper, ablation: untied encoders', { encoders: 'untied' }],
];

export const gated: Architecture = {
  id: 'gated',
  title: 'Gated',
  family: 'gated',
  line: 'A gate decides what fires, a magnitude how much; an auxiliary loss trains the gate, so activations do not shrink.',
  source: 'Rajamanoharan et al. 2024, arXiv 2404.16014',
  code: 1,
  saelens: 'gated',
  savedAs: (o) => (o.encoders === 'untied' ? 'gated_untied' : 'gated'),
  vectors: [
    { name: 'b_gate', start: 0, role: 'bias' },
    { name: 'r_mag', start: 0, role: 'log-gain' },
    { name: 'b_mag', start: 0, role: 'bias', gain: 'r_mag' },
  ],
  knob: {
    id: 'lambda',
    symbol: 'λ',
    power: 1,
    default: '0.1:0.8:4',
    few: '0.1, 0.25, 0.6',
    above: 0,
    max: 1e4,
    help: 'Weight of the L1 norm of the gates. Larger gives a smaller L0.',
  },
  options: [
    {
      key: 'aux',
      label: 'Auxiliary decoder',
      help: 'Whether the auxiliary loss leaves the decoder alone (the paper), trains it too, or is left out: then the gate collapses.',
      host: true,
      kind: 'choice',
      default: 'frozen',
      choices: ['frozen', 'unfrozen', 'none'],
    },
    {
      key: 'r_mag',
      label: 'r_mag',
      help: 'Whether the magnitude path has a factor of its own for each latent.',
      host: true,
      kind: 'choice',
      default: 'learnt',
      choices: ['learnt', 'none'],
    },
    {
      key: 'encoders',
      label: 'Encoders',
      help: 'Whether gate and magnitude share W_enc, or the magnitude has a matrix W_mag of its own (50 % more parameters).',
      kind: 'choice',
      default: 'tied',
      choices: ['tied', 'untied'],
    },
    ...penaltyOptions,
  ],
  traits: (o) => ({
    ...PLAIN,
    ...penaltyTraits(o),
    aux: o.aux === 'unfrozen' ? 'trained' : o.aux === 'none' ? 'none' : 'frozen',
    encoders: o.encoders === 'untied' ? 2 : 1,
    fixed: o.r_mag === 'none' || o.encoders === 'untied' ? ['r_mag'] : [],
  }),
  problems: (o) => [
    ...(o.encoders === 'untied' && o.r_mag === 'none' ? ['encoders=untied has no r_mag anyway: leave r_mag at learnt.'] : []),
    ...penaltyProblems(o),
  ],
  anneal: annealing,
  recipes: RECIPES,
  width: { default: '2x', equalCompute: 1 },
  look: { symbol: 'circle', dash: 'solid' },
  features: penaltyFeatures,
  needs: [penaltyWgsl],
  wgsl,
  twin: {
    activate({ u, second, norm }, [bGate = 0, rMag = 0, bMag = 0], [encoders = 0, kind = 0, constant = 0, weighted = 0], step) {
      const gate = Math.max(0, u + bGate);
      const magnitude = encoders > 0 ? second + bMag : Math.exp(rMag) * u + bMag;
      const seen = weighted > 0 ? gate * norm : gate;
      return {
        f: gate > 0 ? Math.max(0, magnitude) : 0,
        gate,
        penalty: penalty(kind, constant, step.power, seen).value,
        extra: isAnnealed(kind) ? penalty(kind, constant, step.nextPower, seen).value : 0,
      };
    },
    touched: (u, [bGate = 0]) => u + bGate > 0,
    backward({ at: { u, norm }, v: [bGate = 0, rMag = 0], o: [encoders = 0, kind = 0, constant = 0, weighted = 0], act, we, wa, step }) {
      const gMag = act.f > 0 ? 2 * we : 0;
      const gate = u + bGate;
      const weight = weighted > 0 ? norm : 1;
      const slope = step.lambda * penalty(kind, constant, step.power, gate * weight).slope;
      const gGate = 2 * wa + slope * weight;
      const scale = encoders > 0 ? 0 : Math.exp(rMag);
      return {
        u: gGate + scale * gMag,
        second: encoders > 0 ? gMag : 0,
        norm: weighted > 1 ? slope * gate : 0,
        vectors: [gGate, gMag * scale * u, gMag],
      };
    },
  },
};
