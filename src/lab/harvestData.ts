/** Rows that a language model computes from a text, as the data of an experiment. */
import type { ByteSource } from '../data/bytes/types';
import { CachedSource } from '../data/rows/cachedSource';
import type { RowsInUse } from '../data/rows/filterShards';
import type { Split } from '../data/rows/split';
import type { RowSource } from '../data/rows/types';
import type { Gpu } from '../gpu/device';
import { HarvestSource } from '../lm/harvest';
import type { Sequences } from './evaluation';
import type { HookInUse } from './hookInUse';
import type { LoadedModel } from './loadedModel';
import { type Measuring, measureHarvest } from './measuring';
import { idOf } from './origin';
import type { LoadedText } from './textInput';

export interface Harvest {
  gpu: Gpu;
  loaded: LoadedModel;
  hook: HookInUse;
  text: LoadedText;
  /** Windows held out, and those of them that are measured on. */
  heldOut: Sequences;
  measured: Sequences;
  train: Sequences;
  /** Files of the model. */
  files: readonly ByteSource[];
  cacheBytes: number;
}

export interface HarvestData extends Measuring {
  source: RowSource;
  split: Split;
  /** What the rows are called, and SHA-256 of what they are made from. */
  data: string;
  rowsId: string;
}

/** @param rows notes what is left out and the fingerprint. @throws DataError when rows cannot be left out as asked. */
export async function harvestData(harvest: Harvest, rows: RowsInUse): Promise<HarvestData> {
  const { gpu, loaded, hook, text, heldOut, measured, train, files, cacheBytes } = harvest;
  const name = hook.hook as string;
  const computed = new HarvestSource(gpu, loaded.model, name, { tokens: train.tokens, count: train.n, T: train.T }, name);
  const source = await rows.computedRows(new CachedSource(computed, cacheBytes));
  const fingerprint = await rows.fingerprint([...files, text.file]);
  const trainRows = source.facts.rows;
  const split = { train: [{ source: 0, start: 0, rows: trainRows }], heldOut: [], trainRows, heldOutRows: heldOut.n * heldOut.T };
  return {
    source,
    split,
    data: `${name} on ${text.label}`,
    rowsId: await idOf([fingerprint, name, train.T, heldOut.n, train.n]),
    ...(await measureHarvest(loaded, hook, text, measured, train)),
  };
}
