/** Every architecture's WGSL against its float64 twin, function by function, in combinations of its options and at points that are no pleasure. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readFloats, write } from '../../../src/gpu/buffers';
import {
  type ArchitectureId,
  allOptions,
  architecture,
  architectureIds,
  type OptionValues,
  optionValues,
  type TwinStep,
} from '../../../src/sae/architectures';
import { dispatch } from '../../../src/sae/architectures/dispatch';
import { randoms, testGpu } from '../../gpu';

const IN = 20;
const OUT = 16;
const MAIN = `
@group(0) @binding(0) var<storage, read> points : array<f32>;
@group(0) @binding(1) var<storage, read_write> found : array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let i = id.x * ${IN}u;
  if (i >= arrayLength(&points)) {
    return;
  }
  var run : Run;
  run.arch = u32(points[i]);
  run.lambda = points[i + 1u];
  run.power = points[i + 2u];
  run.next_power = points[i + 3u];
  run.threshold = points[i + 4u];
  run.flags = select(AUX, EVALUATES, points[i + 5u] > 0.0);
  run.options = vec4(points[i + 6u], points[i + 7u], points[i + 8u], points[i + 9u]);
  run.more = vec4(points[i + 10u], points[i + 11u], points[i + 12u], points[i + 13u]);
  let at = Point(points[i + 14u], points[i + 15u], points[i + 16u]);
  let latent = vec4(points[i + 17u], points[i + 18u], points[i + 19u], 0.0);
  let act = activate(run, at, latent);
  let back = backward(run, at, latent, act, WE, WA);
  let settled = settle(run, latent, back.vectors, FREQUENCY);
  let o = id.x * ${OUT}u;
  found[o] = act.f;
  found[o + 1u] = act.gate;
  found[o + 2u] = act.penalty;
  found[o + 3u] = act.extra;
  found[o + 4u] = select(0.0, 1.0, touched(run, at.u, latent));
  found[o + 5u] = back.u;
  found[o + 6u] = back.second;
  found[o + 7u] = back.norm;
  found[o + 8u] = settled.x;
  found[o + 9u] = settled.y;
  found[o + 10u] = settled.z;
}
`;
const [WE, WA, FREQUENCY] = [0.75, -0.5, 0.25];
const NAMES = ['f', 'gate', 'penalty', 'extra', 'touched', 'du', 'dsecond', 'dnorm', 'dx', 'dy', 'dz'];

/** Every combination of an architecture's kernel options: all choices, and few numbers. */
function combinations(id: ArchitectureId): OptionValues[] {
  const numbers: Record<string, number[]> = {
    'pre-act': [0, 0.5],
    'penalty-constant': [0, 0.25],
    'dead-after': [7],
    window: [0.5],
    omega0: [0.1],
  };
  const { options } = architecture(id);
  const all = options
    .filter(({ host }) => !host)
    .reduce<OptionValues[]>(
      (before, option) =>
        before.flatMap((one) =>
          (option.kind === 'choice' ? option.choices : (numbers[option.key] ?? [option.default])).map((value) => ({
            ...one,
            [option.key]: value,
          })),
        ),
      [{}],
    );
  return all.map((one) => (options.some(({ key }) => key === 'decoder') ? { ...one, decoder: 'free' } : one));
}

interface Place {
  u: number;
  second: number;
  norm: number;
  v: [number, number, number];
}

/** Random ones, and far or barely open ones; the latents' values are exact in f32. */
function places(id: ArchitectureId): Place[] {
  const values = randoms(7 * 60, 3);
  const random = Array.from({ length: 60 }, (_, i): Place => {
    const [a, b, c, d, e, f] = values.slice(6 * i, 6 * i + 6) as unknown as [number, number, number, number, number, number];
    return { u: 3 * a, second: 3 * b, norm: 1 + c, v: [d, e, f] };
  });
  const since = architecture(id).family === 'topk';
  return [
    ...random.map((place, i): Place => (since ? { ...place, v: [place.v[0], i % 14, 0] } : place)),
    { u: 1e-6, second: 0.5, norm: 1, v: [0, 0, 0] },
    { u: 2 ** -20, second: -0.5, norm: 2, v: [0, -1, 0.125] },
    { u: 3000, second: 3000, norm: 3, v: [0.5, 0.25, 0.5] },
    { u: -3000, second: 3000, norm: 3, v: [0.5, 0.25, 0.5] },
    { u: 0, second: 0, norm: 1, v: [0, 0, 0] },
  ];
}

const STEPS: TwinStep[] = [
  { lambda: 0.25, power: 0.5, nextPower: 0.25, threshold: -1, evaluates: false },
  { lambda: 0, power: 1, nextPower: 1, threshold: 0.25, evaluates: true },
];

describe('WGSL against the twin', () => {
  it.each(architectureIds())('%s', async (id) => {
    const gpu = await testGpu();
    const entry = architecture(id);
    const common = readFileSync(new URL('../../../shaders/sae/common.wgsl', import.meta.url), 'utf8');
    const constants = `const WE = ${WE}; const WA = ${WA}; const FREQUENCY = ${FREQUENCY};`;
    const module = gpu.device.createShaderModule({
      code: common + dispatch(combinations(id).map((options) => ({ arch: id, options }))) + constants + MAIN,
    });
    const scenes = combinations(id).flatMap((options) => STEPS.flatMap((step) => places(id).map((place) => ({ options, step, place }))));
    const points = Float32Array.from(
      scenes.flatMap(({ options, step, place: { u, second, norm, v } }) => [
        entry.code,
        step.lambda,
        step.power,
        step.nextPower,
        step.threshold,
        step.evaluates ? 1 : 0,
        ...optionValues(entry, options),
        u,
        second,
        norm,
        ...v,
      ]),
    );
    expect(points.length).toBe(IN * scenes.length);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const [input, output] = [points.byteLength, 4 * OUT * scenes.length].map((size) => gpu.device.createBuffer({ size, usage })) as [
      GPUBuffer,
      GPUBuffer,
    ];
    write(gpu, input, 0, points);
    const pipeline = await gpu.device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } });
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      gpu.device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [input, output].map((buffer, binding) => ({ binding, resource: { buffer } })),
      }),
    );
    pass.dispatchWorkgroups(Math.ceil(scenes.length / 64));
    pass.end();
    gpu.queue.submit([encoder.finish()]);
    const found = await readFloats(gpu, output);
    gpu.check();
    const count = entry.vectors.length;
    const { twin } = entry;
    scenes.forEach(({ options, step, place }, i) => {
      const o = optionValues(entry, options);
      const isTopk = entry.family === 'topk';
      const v = place.v.map(Math.fround).slice(0, count + (isTopk ? 1 : 0));
      const at = { u: Math.fround(place.u), second: Math.fround(place.second), norm: Math.fround(place.norm) };
      const act = twin.activate(at, v, o, step);
      const touched = twin.touched(at.u, v, o, step);
      const own = Array.from(found.subarray(OUT * i, OUT * i + NAMES.length));
      const said = () => `${id} ${JSON.stringify(allOptions(entry, options))} at ${JSON.stringify(place)} ${JSON.stringify(step)}`;
      const expected = [act.f, act.gate, act.penalty, act.extra, touched ? 1 : 0];
      if (touched && !step.evaluates) {
        const back = twin.backward({ at, v, o, act, we: WE, wa: WA, step });
        const settled = twin.settle?.(back.vectors, FREQUENCY, o, step) ?? back.vectors;
        expected.push(back.u, back.second, back.norm, ...settled.slice(0, count), ...new Array<number>(3 - count).fill(0));
      }
      if (!touched) {
        // The dense form sums these up everywhere.
        for (const value of own.slice(0, 4)) if (value !== 0) expect.fail(`${said()}: not touched, yet ${own.slice(0, 4)}`);
      }
      expected.forEach((value, k) => {
        const off = Math.abs((own[k] as number) - value) / Math.max(1, Math.abs(value));
        if (!(off < 3e-6)) expect.fail(`${said()}: ${NAMES[k]} is ${own[k]} for ${value}`);
      });
    });
    input.destroy();
    output.destroy();
  });
});
