/**
 * The rows in use and what was asked of them. Of shards also their profile and fingerprint. Each is made once, when it is first wanted,
 * and anew after a change.
 */

import { fingerprintOf } from '../bytes/fingerprint';
import { type ByteSource, DataError } from '../bytes/types';
import {
  describeDrops,
  describeFilter,
  droppedOf,
  type FilterRequest,
  filterSources,
  NO_FILTER,
  type RowFilter,
  resolveFilter,
} from './filter';
import { type Profiles, profileSources } from './profile';
import type { ShardSource } from './shard';
import type { DropCounts, RowSource } from './types';

export class RowsInUse {
  private shards: readonly ShardSource[] = [];
  /** What is read in place of the shards. */
  private unfiltered: readonly RowSource[] = [];
  private request: FilterRequest = {};
  private profiles: Promise<Profiles> | undefined;
  private prints = new Map<string, Promise<string>>();
  private behindFilter: Promise<readonly RowSource[]> | undefined;
  /** What an experiment reads from, what is left out of it, and its fingerprint, as last asked for. */
  private sources: readonly RowSource[] = [];
  private filter: RowFilter = NO_FILTER;
  private print: string | undefined;

  /** Other shards. @param unfiltered what experiments read, source by source. */
  replace(shards: readonly ShardSource[], unfiltered: readonly RowSource[] = shards): void {
    this.shards = shards;
    this.unfiltered = unfiltered;
    this.profiles = undefined;
    this.prints.clear();
    this.print = undefined;
    this.ask(this.request);
  }

  /** Rows to leave out of training and of evaluation on rows; without this, those that a mask says are padding. */
  ask(request: FilterRequest): void {
    this.request = request;
    this.behindFilter = undefined;
    this.sources = [];
    this.filter = NO_FILTER;
  }

  /** What was asked for last. */
  get asked(): FilterRequest {
    return this.request;
  }

  /** From samples of the shards, of all and of each. @throws DataError when a file cannot be read. */
  profile(): Promise<Profiles> {
    this.profiles ??= forgetting(profileSources(this.shards), () => {
      this.profiles = undefined;
    });
    return this.profiles;
  }

  /** The shards behind the filter, the same sources each time. @throws DataError naming a shard that cannot be filtered so. */
  async shardRows(): Promise<readonly RowSource[]> {
    this.behindFilter ??= forgetting(
      this.apply(this.unfiltered, () => this.profile()),
      () => {
        this.behindFilter = undefined;
      },
    );
    return this.behindFilter;
  }

  /** A source that is no file (a language model reading text) behind the filter. @throws DataError when it cannot be filtered so. */
  async computedRows(source: RowSource): Promise<RowSource> {
    const [filtered] = await this.apply([source], () => profileSources([source]));
    return filtered as RowSource;
  }

  /** SHA-256 of these files; of those of the shards unless given. @throws DataError when a file cannot be read. */
  async fingerprint(files: readonly ByteSource[] = this.shards.flatMap((shard) => shard.files)): Promise<string> {
    const key = JSON.stringify(files.map(({ path, size }) => [path, size]));
    let print = this.prints.get(key);
    if (!print) {
      print = forgetting(fingerprintOf(files), () => this.prints.delete(key));
      this.prints.set(key, print);
    }
    this.print = await print;
    return this.print;
  }

  /** Rows left out so far, each counted once. */
  get dropped(): DropCounts {
    return droppedOf(this.sources);
  }

  /** What is left out, in words, and the fingerprint; what is not known, or nothing, is absent. */
  facts(): { filter?: string; dropped?: string; fingerprint?: string } {
    const filter = describeFilter(this.filter);
    const dropped = describeDrops(this.dropped);
    return { ...(filter && { filter }), ...(dropped && { dropped }), ...(this.print && { fingerprint: this.print }) };
  }

  private async apply(sources: readonly RowSource[], profiles: () => Promise<Profiles>): Promise<readonly RowSource[]> {
    const filter = await resolveFilter(sources, this.request, async () => medianNorm(sources, (await profiles()).total));
    this.filter = filter;
    this.sources = filterSources(sources, filter);
    return this.sources;
  }
}

function medianNorm(sources: readonly RowSource[], profile: Profiles['total']): number {
  if (profile && profile.normPercentiles.p50 > 0) return profile.normPercentiles.p50;
  const what = profile ? 'all sampled rows are zeros' : 'no sampled row is finite';
  throw new DataError(sources[0]?.facts.label ?? 'data', `${what}, so there is no median norm. Write the activations again.`);
}

/** A failed attempt may be made again. */
function forgetting<T>(work: Promise<T>, forget: () => void): Promise<T> {
  work.catch(forget);
  return work;
}
