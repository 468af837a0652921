/** Gives every test file the constants of WebGPU; the device itself is opened by `tests/gpu.ts` on first use. */
import { nodeGpu } from '../src/gpu/node';

await nodeGpu();
