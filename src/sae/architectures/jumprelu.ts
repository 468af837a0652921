/**
 * JumpReLU SAE: a threshold θ for each latent, which learns through a rectangle of width `window` about it (straight-through), and its successors'
 * losses. The WGSL is `shaders/sae/architectures/jumprelu.wgsl`.
 */
import wgsl from '../../../shaders/sae/architectures/jumprelu.wgsl?raw';
import penaltyWgsl from '../../../shaders/sae/architectures/penalty.wgsl?raw';
import { type Architecture, type OptionValues, PLAIN } from './types';

/** Numbers of the options as the kernels see them. */
const read = ([loss = 0, c = 0, preAct = 0, log = 0, window = 1, through = 0, windowOf = 0, omega0 = 1]: readonly number[]) => ({
  isTanh: loss === 3,
  isFrequency: loss === 2,
  c,
  preAct,
  isLog: log > 0,
  window,
  throughZ: through > 0,
  windowOfF: windowOf > 0,
  omega0,
});

/** The latent at u, and the rectangles' heights about θ. */
function at(u: number, [b = 0, stored = 0]: readonly number[], o: readonly number[]) {
  const { isLog, window, windowOfF } = read(o);
  const theta = isLog ? Math.exp(stored) : stored;
  const z = u + b;
  // As SAELens has it, a ReLU where a threshold has become negative.
  const isOpen = z > theta && z > 0;
  const f = isOpen ? z : 0;
  const compared = windowOfF ? f : z;
  return {
    theta,
    z,
    isOpen,
    f,
    counts: compared > theta,
    edge: Math.abs(z - theta) < window / 2 ? 1 / window : 0,
    countEdge: Math.abs(compared - theta) < window / 2 ? 1 / window : 0,
  };
}

const isIdle = (o: OptionValues, key: string): boolean => o[key] !== jumprelu.options.find((option) => option.key === key)?.default;

/** Options that only one loss reads. */
const OWN: Readonly<Record<string, string>> = { 'target-l0': 'target', omega0: 'frequency', 'tanh-constant': 'tanh' };

export const jumprelu: Architecture = {
  id: 'jumprelu',
  title: 'JumpReLU',
  family: 'jumprelu',
  line: 'A threshold of its own for each latent, learnt by a straight-through estimate; λ weighs how many latents fire, not how strongly.',
  source: 'Rajamanoharan et al. 2024, arXiv 2407.14435',
  code: 2,
  saelens: 'jumprelu',
  vectors: [
    { name: 'b_enc', start: 0, role: 'bias' },
    {
      name: 'threshold',
      start: ({ theta, theta0 }) => (theta === 'log' ? Math.log(Number(theta0)) : Number(theta0)),
      role: 'threshold',
    },
  ],
  knob: {
    id: 'lambda',
    symbol: 'λ',
    power: 2,
    default: '0.001:0.016:4',
    few: '0.001, 0.004, 0.016',
    above: 0,
    max: 1e4,
    help: 'Weight of the number of active latents, or of the loss that takes its place. Larger gives a smaller L0.',
  },
  options: [
    {
      key: 'loss',
      label: 'Loss',
      help: 'What λ weighs: L0, (L0/target − 1)², the quadratic frequency loss Σ(ω + ω²/ω₀) of the firing frequencies ω, or Σ tanh(c·f·‖W_dec row‖).',
      kind: 'choice',
      default: 'l0',
      choices: ['l0', 'target', 'frequency', 'tanh'],
    },
    {
      key: 'target-l0',
      label: 'Target L0',
      help: 'L0 that loss=target aims at.',
      host: true,
      kind: 'number',
      default: 20,
      min: 1e-3,
      max: 1e6,
    },
    {
      key: 'tanh-constant',
      label: 'c of tanh',
      help: 'Steepness of tanh(c·f·‖W_dec row‖).',
      kind: 'number',
      default: 4,
      min: 1e-6,
      max: 1e4,
    },
    {
      key: 'pre-act',
      label: 'Pre-activation loss',
      help: 'Weight λ_P of Σ ReLU(θ − z)·‖W_dec row‖, which pulls silent latents towards their thresholds.',
      kind: 'number',
      default: 0,
      min: 0,
      max: 1e4,
    },
    {
      key: 'theta',
      label: 'θ is trained',
      help: 'Directly, or as its logarithm, which keeps it positive but moves it slowly where it is small.',
      kind: 'choice',
      default: 'direct',
      choices: ['direct', 'log'],
    },
    { key: 'theta0', label: 'θ at the start', help: 'Of every latent.', host: true, kind: 'number', default: 0.01, min: 1e-9, max: 1e6 },
    {
      key: 'window',
      label: 'Window',
      help: 'Width of the rectangle about θ through which thresholds learn (bandwidth).',
      kind: 'number',
      default: 0.05,
      min: 1e-9,
      max: 1e6,
    },
    {
      key: 'through',
      label: 'Straight-through to',
      help: 'The threshold alone, or the pre-activation z too, with the opposite sign.',
      kind: 'choice',
      default: 'theta',
      choices: ['theta', 'z'],
    },
    {
      key: 'window-of',
      label: 'Window compares',
      help: 'What the count compares with θ: the pre-activation z (the paper), or the activation f (dictionary_learning), where silent latents push θ.',
      kind: 'choice',
      default: 'z',
      choices: ['z', 'f'],
    },
    {
      key: 'omega0',
      label: 'ω₀',
      help: 'Frequency above which loss=frequency grows quadratically.',
      kind: 'number',
      default: 0.1,
      min: 1e-6,
      max: 1e3,
    },
    {
      key: 'pre-bias',
      label: 'Pre-encoder bias',
      help: 'Whether the encoder sees x − b_dec, or x.',
      host: true,
      kind: 'choice',
      default: 'no',
      choices: ['no', 'yes'],
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
  ],
  traits: (o) => ({
    ...PLAIN,
    decoder: o.decoder === 'free' ? 'free' : 'unit',
    preBias: o['pre-bias'] === 'yes',
    norms: o.loss === 'tanh' || Number(o['pre-act']) > 0,
    ...(o.loss === 'target' && { settles: { targetL0: Number(o['target-l0']) } }),
    ...(o.loss === 'frequency' && { omega0: Number(o.omega0) }),
    ...(Number(o['pre-act']) > 0 && { extra: { name: 'pre_act_loss' as const, weight: Number(o['pre-act']) } }),
  }),
  problems: (o, { width }) => [
    ...(o.loss === 'target' && Number(o['target-l0']) > width
      ? [`target-l0=${o['target-l0']} is more than the ${width} latents that there are.`]
      : []),
    ...Object.entries(OWN).flatMap(([key, loss]) =>
      o.loss !== loss && isIdle(o, key) ? [`${key} belongs to loss=${loss}, and the loss is ${o.loss}.`] : [],
    ),
    ...(o.through === 'z' && o.loss === 'frequency'
      ? ['loss=frequency reaches thresholds alone: choose through=theta, or another loss.']
      : []),
    ...(o.through === 'z' && o['window-of'] === 'f'
      ? ['through=z has no meaning where the window compares f: of a silent latent f says nothing about z. Choose window-of=z.']
      : []),
    ...(o.loss === 'tanh' && o['window-of'] === 'f'
      ? ['window-of=f is about the count of active latents, and loss=tanh counts none.']
      : []),
  ],
  recipes: [
    ['paper (Rajamanoharan et al. 2024, JumpReLU), window and θ₀ for short runs', {}],
    ['paper (Rajamanoharan et al. 2024, JumpReLU)', { theta: 'log', theta0: 0.001, window: 0.001 }],
    ['quadratic frequency loss (Google DeepMind, March 2025)', { loss: 'frequency' }],
    ['Anthropic, January 2025', { loss: 'tanh', 'pre-act': 3e-6, theta: 'log', theta0: 0.1, window: 2, through: 'z', decoder: 'free' }],
    ['dictionary_learning JumpReluTrainer', { loss: 'target', 'window-of': 'f', theta0: 0.001, window: 0.001 }, ['target-l0']],
  ],
  width: { default: '2x', equalCompute: 1.5 },
  look: { symbol: 'diamond', dash: 'solid' },
  features: { JUMPRELU_LOG: ({ theta }) => theta === 'log', JUMPRELU_TANH: ({ loss }) => loss === 'tanh' },
  needs: [penaltyWgsl],
  wgsl,
  twin: {
    activate({ u, norm }, v, o) {
      const { isTanh, c, preAct } = read(o);
      const { theta, z, f, counts } = at(u, v, o);
      const penalty = isTanh ? Math.tanh(c * f * norm) : counts ? 1 : 0;
      return { f, gate: 0, penalty, extra: preAct > 0 ? Math.max(0, theta - z) * norm : 0 };
    },
    touched(u, v, o) {
      const { preAct, window, windowOfF } = read(o);
      const { theta, z } = at(u, v, o);
      return preAct > 0 || z > theta - window / 2 || (windowOfF && theta < window / 2);
    },
    backward({ at: { u, norm }, v, o, we, step }) {
      const { isTanh, isFrequency, c, preAct, isLog, throughZ } = read(o);
      const { theta, z, isOpen, f, edge, countEdge } = at(u, v, o);
      /** Of f and of the penalty by θ and z, the penalty's frequency factor aside. */
      const jump = Math.max(0, theta) * edge;
      const [fTheta, fZ] = [-jump, (isOpen ? 1 : 0) + (throughZ ? jump : 0)];
      const bend = isTanh ? 1 - Math.tanh(c * f * norm) ** 2 : 0;
      const [pTheta, pZ] = isTanh ? [c * norm * bend * fTheta, c * norm * bend * fZ] : [-countEdge, throughZ ? countEdge : 0];
      const below = preAct > 0 && z < theta ? preAct : 0;
      const g = 2 * we * fZ + step.lambda * pZ - below * norm;
      const chain = isLog ? theta : 1;
      const counted = chain * step.lambda * pTheta;
      const others = chain * (2 * we * fTheta + below * norm);
      return {
        u: g,
        second: 0,
        norm: step.lambda * c * f * bend + below * (theta - z),
        // The third is summed for `settle`.
        vectors: isFrequency ? [g, others, counted] : [g, others + counted, 0],
      };
    },
    settle([b = 0, theta = 0, counted = 0], frequency, o) {
      const { isFrequency, omega0 } = read(o);
      return isFrequency ? [b, theta + counted * (1 + (2 * frequency) / omega0), 0] : [b, theta, counted];
    },
  },
};
