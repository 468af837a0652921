/** Bounds of the kernels as plain numbers, for code that may not reach the GPU. */

/** Largest batch: a dimension of a dispatch takes 65 535. */
export const MAX_BATCH = 65_535;

/** Runs of one packed sweep (entries of `Runs` in shaders/sae/common.wgsl), and of one Start. */
export const MAX_RUNS = 64;
