/** Pre-tokenised text: a safetensors file with one integer tensor `[n, T]`, n sequences of T tokens. */
import { isTokenDtype, readIntegers, TOKEN_NAMES } from './integers';
import { readHeader, type SafetensorsFile, type TensorInfo } from './safetensors';
import { type ByteSource, DataError } from './types';

/** n sequences of T token ids, C order. */
export interface TokenSequences {
  tokens: Uint32Array;
  n: number;
  T: number;
}

/** The tensor of token ids `[n, T]` in a file that holds no activations; undefined when there is none. */
export function findTokens(file: SafetensorsFile): TensorInfo | undefined {
  return TOKEN_NAMES.map((name) => file.tensors.get(name)).find((t) => t && isTokenDtype(t.dtype) && t.shape.length === 2);
}

/** @throws DataError when there is no such tensor, it is empty, or an id is negative. */
export async function readTokens(source: ByteSource): Promise<TokenSequences> {
  const file = await readHeader(source);
  const info = findTokens(file);
  if (!info) {
    const found = [...file.tensors.values()].slice(0, 8).map((t) => `${t.name} ${t.dtype} [${t.shape.join(', ')}]`);
    throw new DataError(
      source.path,
      `holds no integer tensor [sequences, tokens] named ${TOKEN_NAMES.join(', ')}; it holds ${found.join('; ') || 'nothing'}.`,
    );
  }
  const [n, T] = info.shape as [number, number];
  if (info.count === 0) throw new DataError(source.path, `tensor ${JSON.stringify(info.name)} [${n}, ${T}] is empty.`);
  const ids = await readIntegers(file, info, 0, info.count);
  const negative = ids.findIndex((id) => id < 0);
  if (negative >= 0)
    throw new DataError(
      source.path,
      `tensor ${JSON.stringify(info.name)}: token id ${ids[negative]} in sequence ${Math.floor(negative / T)}. Ids must be >= 0: cut padding off.`,
    );
  return { tokens: new Uint32Array(ids.buffer), n, T };
}
