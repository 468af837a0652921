/**
 * A file that changes, shrinks, disappears or may no longer be read while runs train: the runs wait, and a person says whether it is read
 * again (opened anew where there is a new file), left out from now on, or all is stopped.
 */

import { type ByteSource, DataError } from '../data/bytes/types';
import { openRecipe } from '../data/formats/open';
import { withoutPath } from '../data/formats/sniff';
import { ShardSource } from '../data/rows/shard';
import type { Split } from '../data/rows/split';
import type { StandIn } from '../data/rows/standIn';
import type { RowRange } from '../data/rows/types';
import type { FileTrouble } from './protocol';

/** What an experiment reads: shards, what stands in for each, and which rows are used. */
export interface Reading {
  shards: readonly ShardSource[];
  standIns: readonly StandIn[];
  split: Split;
}

interface Met {
  shard: ShardSource;
  standIn: StandIn;
  trouble: FileTrouble;
}

/** The shard that an error is about, when it is about one. */
function troubleWith(error: unknown, { shards, standIns, split }: Reading): Met | undefined {
  if (!(error instanceof DataError)) return undefined;
  const index = shards.findIndex(({ facts, files }) => facts.label === error.path || files.some(({ path }) => path === error.path));
  const shard = shards[index];
  const standIn = standIns[index];
  if (!shard || !standIn) return undefined;
  const left = (ranges: readonly RowRange[]) => ranges.some(({ source }) => source !== index && standIns[source]?.leftOut === false);
  const whyNoSkip = !left(split.train)
    ? 'no other file is left to train on'
    : split.heldOutRows > 0 && !left(split.heldOut)
      ? 'all other held-out rows are left out'
      : undefined;
  const trouble = { path: error.path, message: withoutPath(error, error.path), files: [...shard.recipe.paths] };
  return { shard, standIn, trouble: whyNoSkip === undefined ? trouble : { ...trouble, whyNoSkip } };
}

/** What of the session a decision about a file changes. */
interface Deciding {
  /** The files as they were dropped, and what became of them. */
  workspace: { readonly sources: readonly ByteSource[]; substitute(change: string, sources?: readonly ByteSource[]): void };
  experiment: { readonly rowsTrained: number; readonly data: { readonly origin: { filter?: string } } };
}

/** The file that paused runs wait for, and what a person decides about it. */
export class FileWait {
  private met: Met | undefined;

  get trouble(): FileTrouble | undefined {
    return this.met?.trouble;
  }

  /** @returns whether the error is about a file in use; then it is waited for. */
  begin(error: unknown, reading: Reading | undefined): boolean {
    this.met = reading && troubleWith(error, reading);
    return this.met !== undefined;
  }

  end(): void {
    this.met = undefined;
  }

  /**
   * Reads go on, from the files given where there are any.
   * @throws DataError when they cannot be read or hold other rows than before; then the wait goes on.
   */
  async retry(sources: readonly ByteSource[], deciding: Deciding): Promise<void> {
    const met = this.present();
    if (sources.length > 0) {
      await reopen(met, (path) => [...sources, ...deciding.workspace.sources].find((source) => source.path === path));
      tell(`${met.trouble.path} opened anew`, deciding, sources);
    }
    this.end();
  }

  /** Reads go on without the rows of the file. @throws Error when they cannot. */
  skip(deciding: Deciding): void {
    const { standIn, trouble } = this.present();
    if (trouble.whyNoSkip !== undefined) throw new Error(`${trouble.path} cannot be skipped: ${trouble.whyNoSkip}.`);
    standIn.leaveOut();
    tell(`without ${standIn.facts.label}`, deciding);
    this.end();
  }

  private present(): Met {
    if (!this.met) throw new Error('No file is waited for.');
    return this.met;
  }
}

/** What became of a file, for the data shown and for saved runs. */
function tell(what: string, { workspace, experiment }: Deciding, sources?: readonly ByteSource[]): void {
  const change = `${what} after ${experiment.rowsTrained} rows`;
  workspace.substitute(change, sources);
  const { origin } = experiment.data;
  origin.filter = [origin.filter, change].filter(Boolean).join('; ');
}

/**
 * Opens a shard anew and lets it take the old one's place.
 * @param find its files as they are now.
 * @throws DataError when it cannot be read, or its rows are others than before.
 */
async function reopen({ shard, standIn }: Met, find: (path: string) => ByteSource | undefined): Promise<void> {
  const { tensor, recipe, hookName } = shard;
  const container = await openRecipe(recipe, find);
  const files = shard.files.map(({ path }) => find(path)).filter((file) => file !== undefined);
  const opened = ShardSource.from(container, { tensor, recipe, files, hookName });
  if (opened.tensor !== tensor)
    throw new DataError(shard.facts.label, `has no tensor "${tensor}" any more. Put the old file back, skip it, or stop.`);
  standIn.replace(opened);
}
