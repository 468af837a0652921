/** Gives every test file the constants of WebGPU (the device itself is opened by `tests/gpu.ts` on first use), and Node to unpack with. */
import { nodeUnpacking } from '../src/data/bytes/nodeUnpacking';
import { unpackOn } from '../src/data/bytes/unpacking';
import { nodeGpu } from '../src/gpu/node';

unpackOn(nodeUnpacking);
await nodeGpu();
