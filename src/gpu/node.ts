/**
 * WebGPU in Node, through Dawn (npm `webgpu`). Never imported by the page.
 *
 * WORKAROUND: the object that `create()` returns must stay reachable for the life of the process. When only a local
 * holds it, V8 may collect it during an await and the process dies inside Dawn (seen on lavapipe and SwiftShader with
 * webgpu 0.6.2). Delete the pin when the package holds the reference itself.
 */
declare global {
  var __dawn: GPU | undefined;
}

/** Dawn's entry point, with WebGPU's constants (GPUBufferUsage, …) defined as globals like in a page. */
export async function nodeGpu(): Promise<GPU> {
  if (!globalThis.__dawn) {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    globalThis.__dawn = create([]) as GPU;
  }
  return globalThis.__dawn;
}
