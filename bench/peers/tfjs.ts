/** TF.js on its WebGPU backend: the textbook step, dense, with its own autograd. */
import type * as Tfjs from '@tensorflow/tfjs-core';
import type { ArchitectureId } from '../../src/sae/architectures';
import { BETA2, EPS, LAMBDA, type Problem, transpose } from '../problem';
import { checkDevice, lastDevice } from './devices';
import { checkPeer, type Peer, type PeerProduct, type PeerStep, type ProductInputs, type ProductLayout, type StepNumbers } from './peer';

type Tf = typeof Tfjs;
type Tensor = Tfjs.Tensor;
/** What of the backend is needed to send off what it has batched: it submits by itself only every 15 dispatches. */
interface Backend {
  endComputePassEncoder(): void;
  submitQueue(): void;
}

export async function openTfjs(): Promise<Peer> {
  const tf: Tf = await import('@tensorflow/tfjs-core');
  // Autograd's rules, which the package's main file leaves out.
  await import('@tensorflow/tfjs-core/dist/register_all_gradients');
  await import('@tensorflow/tfjs-backend-webgpu');
  if (!(await tf.setBackend('webgpu'))) throw new Error('TF.js did not start its WebGPU backend');
  await tf.ready();
  const device = lastDevice();
  const backend = tf.backend() as unknown as Backend;
  const done = async () => {
    backend.endComputePassEncoder();
    const batched = backend as unknown as { commandEncoder: GPUCommandEncoder | null };
    if (batched.commandEncoder) backend.submitQueue();
    await device.queue.onSubmittedWorkDone();
    checkDevice(device);
  };
  return {
    id: 'tfjs',
    name: `TF.js ${tf.version_core}`,
    step: async (arch, problem) => step(tf, arch, problem, done),
    product: async (inputs, layout) => product(tf, inputs, layout, done),
  };
}

function product(tf: Tf, { rows, d, f, x, w }: ProductInputs, layout: ProductLayout, done: () => Promise<void>): PeerProduct {
  const left = tf.tensor2d(x, [rows, d]);
  const right = layout === 'plain' ? tf.tensor2d(transpose(w, f, d), [d, f]) : tf.tensor2d(w, [f, d]);
  let out: Tensor | undefined;
  return {
    run() {
      out?.dispose();
      out = tf.matMul(left, right, false, layout === 'transposed');
    },
    done,
    result: async () => (await (out as Tensor).data()) as Float32Array,
    dispose: () => tf.dispose([left, right, ...(out ? [out] : [])]),
  };
}

/** W_enc `[D, F]`, W_dec `[F, D]`, b_dec `[D]`, then the architecture's vectors `[F]`. */
type Parameters = Tensor[];

/** The loss as a function of the parameters; `frozenDec` and `frozenBias` are W_dec and b_dec as constants. */
function lossOf(tf: Tf, arch: ArchitectureId, x: Tensor, frozenDec: Tensor, frozenBias: Tensor) {
  const perRow = 1 / (x.shape[0] as number);
  const squares = (e: Tensor) => tf.mul(tf.sum(tf.square(e)), perRow);
  return (...[wEnc, wDec, bDec, gateBias, rMag, bMag]: Tensor[]): Tfjs.Scalar => {
    // x·W - b_dec·W rather than (x - b_dec)·W: autograd then needs no product of the batch's size for b_dec.
    const offset = tf.matMul(tf.expandDims(bDec as Tensor, 0), wEnc as Tensor);
    const u = tf.sub(tf.matMul(x as Tfjs.Tensor2D, wEnc as Tensor), offset);
    const pi = tf.add(u, gateBias as Tensor);
    const gate = tf.relu(pi);
    const f = arch === 'gated' ? tf.mul(tf.step(pi), tf.relu(tf.add(tf.mul(tf.exp(rMag as Tensor), u), bMag as Tensor))) : gate;
    const e = tf.sub(x, tf.add(tf.matMul(f as Tfjs.Tensor2D, wDec as Tensor), bDec as Tensor));
    const loss = tf.add(squares(e), tf.mul(tf.sum(gate), LAMBDA * perRow));
    if (arch !== 'gated') return loss as Tfjs.Scalar;
    const aux = tf.sub(x, tf.add(tf.matMul(gate as Tfjs.Tensor2D, frozenDec), frozenBias));
    return tf.add(loss, squares(aux)) as Tfjs.Scalar;
  };
}

function step(tf: Tf, arch: ArchitectureId, problem: Problem, done: () => Promise<void>): PeerStep {
  checkPeer('TF.js', arch);
  const { d, f, batch, weights } = problem;
  const x = tf.tensor2d(problem.x, [batch, d]);
  let values: Parameters = [
    tf.tensor2d(transpose(weights.wEnc, f, d), [d, f]),
    tf.tensor2d(weights.wDec, [f, d]),
    tf.tensor1d(weights.bDec),
    ...Object.values(weights.vectors).map((vector) => tf.tensor1d(vector)),
  ];
  let seconds: Parameters = values.map((value) => tf.zerosLike(value));
  let last: Tensor | undefined;

  const update = ({ lr, t }: StepNumbers) => {
    const frozen = [values[1] as Tensor, values[2] as Tensor].map((value) => value.clone());
    const { value, grads } = tf.valueAndGrads(lossOf(tf, arch, x, frozen[0] as Tensor, frozen[1] as Tensor))(values);
    const correction = 1 / (1 - BETA2 ** t);
    const next = values.map((w, i) => {
      let g = grads[i] as Tensor;
      const isDecoder = i === 1;
      if (isDecoder) {
        const along = tf.div(tf.sum(tf.mul(w, g), 1, true), tf.sum(tf.square(w), 1, true));
        g = tf.sub(g, tf.mul(along, w));
      }
      const v = tf.add(tf.mul(seconds[i] as Tensor, BETA2), tf.mul(tf.square(g), 1 - BETA2));
      const moved = tf.sub(w, tf.div(tf.mul(g, lr), tf.add(tf.sqrt(tf.mul(v, correction)), EPS)));
      return { v, w: isDecoder ? tf.div(moved, tf.sqrt(tf.sum(tf.square(moved), 1, true))) : moved };
    });
    return { loss: value as Tensor, values: next.map(({ w }) => w), seconds: next.map(({ v }) => v) };
  };

  return {
    step(numbers) {
      const next = tf.tidy(() => update(numbers) as unknown as Tfjs.TensorContainer) as unknown as ReturnType<typeof update>;
      tf.dispose([...values, ...seconds, ...(last ? [last] : [])]);
      values = next.values;
      seconds = next.seconds;
      last = next.loss;
    },
    async loss() {
      const [value] = await (last as Tensor).data();
      return value as number;
    },
    done,
    dispose: () => tf.dispose([x, ...values, ...seconds, ...(last ? [last] : [])]),
  };
}
