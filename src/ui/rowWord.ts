import type { DataState } from '../lab/protocol';
import { useLab } from './store';

/** A row is called a token only when the data says so. */
export function rowWord(data: DataState): 'tokens' | 'rows' {
  return data.shards?.source === 'harvest' || data.files.some((f) => f.ok && f.hasTokens) ? 'tokens' : 'rows';
}

export const useRowWord = () => useLab((s) => rowWord(s.data));
