/**
 * The matmul core C = A·Bᵀ in several variants. A kernel is an epilogue (bindings, loads, what becomes of C; the functions
 * are listed in shaders/matmul/direct.wgsl) followed by a core. All cores give the same bits, so which one is used is a
 * matter of speed alone: `chooseMatmul` in tuner.ts measures.
 */
import { type Gpu, hasSubgroupsOf } from './device';
import type { KernelSource } from './kernel';
import type { Grid } from './plan';
import { type ShaderName, SUBGROUPS, shaderFile } from './shaders';

/** Of C = A·Bᵀ: rows of A, rows of B, vec4s along K. */
export interface MatmulShape {
  rows: number;
  columns: number;
  quads: number;
}

/** Floating-point operations of a product. */
export const matmulFlops = ({ rows, columns, quads }: MatmulShape): number => 8 * rows * columns * quads;

export interface MatmulVariant {
  /** Unique: core, outputs of an invocation (rows x columns), workgroup (x, y). What LAB_MATMUL names. */
  name: string;
  /** WGSL of the core. */
  code: string;
  /** Values of the core's overrides. */
  constants: Record<string, number>;
  /** What one workgroup computes of C. */
  tileRows: number;
  tileColumns: number;
  /** Invocations of a workgroup, and its workgroup memory in bytes. */
  invocations: number;
  workgroupBytes: number;
  /** Set when the core needs subgroups of exactly this size. */
  lanes?: number;
  /** Drivers that run on the processor, by name, on which it is worth trying: there a variant takes up to a second to compile. */
  software?: RegExp;
}

const direct = (core: ShaderName, rows: number, columns: number, x: number, y: number, software?: RegExp): MatmulVariant => ({
  name: `direct${rows}x${columns}-${x}x${y}`,
  code: shaderFile(core),
  constants: { WG_X: x, WG_Y: y },
  tileRows: rows * y,
  tileColumns: columns * x,
  invocations: x * y,
  workgroupBytes: 0,
  software,
});

const tiled = (core: ShaderName, side: number, wg: number): MatmulVariant => ({
  name: `tiled${side}x${side}-${wg}x${wg}`,
  code: shaderFile(core),
  constants: { WG: wg },
  tileRows: side * wg,
  tileColumns: side * wg,
  invocations: wg * wg,
  // Two tiles of 4 vec4s along K.
  workgroupBytes: 2 * side * wg * 4 * 16,
});

const BROADCAST: MatmulVariant = {
  name: 'broadcast16x4-8x1',
  code: shaderFile('matmul/processor/broadcast'),
  constants: {},
  tileRows: 16,
  tileColumns: 32,
  invocations: 8,
  workgroupBytes: 0,
  lanes: 8,
  software: /./,
};

/** Runs on every device; what is used where nothing is measured. */
export const DEFAULT_MATMUL: MatmulVariant = direct('matmul/direct', 4, 4, 8, 8, /./);

/** In the order in which they are tried. */
export const MATMUL_VARIANTS: readonly MatmulVariant[] = [
  DEFAULT_MATMUL,
  BROADCAST,
  direct('matmul/direct_8x8', 8, 8, 8, 8, /swiftshader/i),
  tiled('matmul/tiled_8x8', 8, 8),
  tiled('matmul/tiled_8x8', 8, 16),
  tiled('matmul/tiled_4x4', 4, 16),
  tiled('matmul/tiled_4x4', 4, 8),
  direct('matmul/direct_8x4', 8, 4, 8, 8),
  direct('matmul/direct_4x8', 4, 8, 8, 8),
  direct('matmul/direct', 4, 4, 16, 4),
  direct('matmul/direct', 4, 4, 16, 16),
  direct('matmul/direct', 4, 4, 32, 1),
  direct('matmul/direct', 4, 4, 1, 32),
];

/** Whether the device can run a variant. */
export function supportsMatmul(gpu: Gpu, { invocations, workgroupBytes, lanes }: MatmulVariant): boolean {
  const { maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupStorageSize } = gpu.limits;
  if (invocations > maxComputeInvocationsPerWorkgroup || workgroupBytes > maxComputeWorkgroupStorageSize) return false;
  return lanes === undefined || hasSubgroupsOf(gpu, lanes);
}

/** Workgroups for C of this size. */
export const matmulGrid = (variant: MatmulVariant, rows: number, columns: number): Grid => [
  Math.ceil(columns / variant.tileColumns),
  Math.ceil(rows / variant.tileRows),
];

/**
 * A kernel's source from an epilogue and a core.
 * @param name dotted name of the kernel; the variant's is appended.
 * @param epilogue its own names must not begin with WG, TILE_ or tile_, which are the cores'.
 * @param constants values of the epilogue's own overrides.
 */
export const matmulSource = (
  variant: MatmulVariant,
  name: string,
  epilogue: string,
  constants: Record<string, number> = {},
): KernelSource => ({
  name: `${name} (${variant.name})`,
  // WGSL wants `enable` in front of everything else.
  code: `${variant.lanes === undefined ? '' : SUBGROUPS}${epilogue}\n${variant.code}`,
  constants: { ...variant.constants, ...constants },
});
