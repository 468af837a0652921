/**
 * A toy architecture for the seams: a JumpReLU SAE after Rajamanoharan et al. 2024 (arXiv 2407.14435), as somebody would add it in one module. With
 * p = u + b_enc, f = p where p > threshold; the penalty counts or sums those. The threshold learns through a rectangle of width `bandwidth` about it
 * (straight-through), so gradients flow where nothing fires; the decoder is free.
 */
import { type Architecture, PLAIN } from '../../../src/sae/architectures';

const WGSL = `
// 1 / bandwidth within half a bandwidth of the threshold.
fn jump_edge(run : Run, p : f32, latent : Latent) -> f32 {
  return select(0.0, 1.0 / run.options.x, abs(p - latent.y) < 0.5 * run.options.x);
}

fn jump_activate(run : Run, at : Point, latent : Latent) -> Activation {
  let p = at.u + latent.x;
  let open = p > latent.y;
  return Activation(select(0.0, p, open), 0.0, select(0.0, select(1.0, p, run.options.y > 0.0), open), 0.0);
}

fn jump_touched(run : Run, u : f32, latent : Latent) -> bool {
  return u + latent.x > latent.y - 0.5 * run.options.x;
}

fn jump_backward(run : Run, at : Point, latent : Latent, act : Activation, we : f32, wa : f32) -> Backward {
  let p = at.u + latent.x;
  let sums = run.options.y > 0.0;
  let g = select(0.0, 2.0 * we + select(0.0, run.lambda, sums), p > latent.y);
  let height = 2.0 * we * latent.y + run.lambda * select(1.0, latent.y, sums);
  return Backward(g, 0.0, 0.0, vec3(g, -jump_edge(run, p, latent) * height, 0.0));
}
`;

export const jump: Architecture = {
  id: 'jump',
  title: 'Jump',
  family: 'jumprelu',
  line: 'A toy.',
  source: 'the tests',
  code: 2000,
  saelens: 'toy_jumprelu',
  vectors: [
    { name: 'b_enc', start: 0, role: 'bias' },
    { name: 'theta', start: 0.4, role: 'bias' },
  ],
  knob: {
    id: 'lambda',
    symbol: 'λ',
    power: 2,
    default: '0.01:0.1:2',
    few: '0.05',
    above: 0,
    max: 1e4,
    help: 'Weight of the number of active latents.',
  },
  options: [
    {
      key: 'bandwidth',
      label: 'Bandwidth',
      help: 'Width of the rectangle through which thresholds learn.',
      kind: 'number',
      default: 0.5,
      min: 1e-3,
      max: 10,
    },
    {
      key: 'penalty',
      label: 'Penalty',
      help: 'What λ weighs: how many fire, or how much.',
      kind: 'choice',
      default: 'l0',
      choices: ['l0', 'l1'],
    },
  ],
  traits: () => ({ ...PLAIN, decoder: 'free' }),
  width: { default: '2x', equalCompute: 1.5 },
  look: { symbol: 'diamond', dash: 'solid' },
  wgsl: WGSL,
  twin: {
    activate({ u }, [b = 0, theta = 0], [, sums = 0]) {
      const p = u + b;
      return p > theta ? { f: p, gate: 0, penalty: sums > 0 ? p : 1, extra: 0 } : { f: 0, gate: 0, penalty: 0, extra: 0 };
    },
    touched: (u, [b = 0, theta = 0], [bandwidth = 0]) => u + b > theta - bandwidth / 2,
    backward({ at: { u }, v: [b = 0, theta = 0], o: [bandwidth = 1, sums = 0], we, step: { lambda } }) {
      const p = u + b;
      const g = p > theta ? 2 * we + (sums > 0 ? lambda : 0) : 0;
      const edge = Math.abs(p - theta) < bandwidth / 2 ? 1 / bandwidth : 0;
      return { u: g, second: 0, norm: 0, vectors: [g, -edge * (2 * we * theta + lambda * (sums > 0 ? theta : 1))] };
    },
  },
};
