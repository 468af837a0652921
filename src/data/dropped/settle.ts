/** What of an inspection takes reading values, within bounds: unpacking what is compressed as a whole, and the search for the same rows twice. */
import type { OnFraction } from '../bytes/types';
import { unpackAll } from '../bytes/unpacking';
import { withoutPath } from '../formats/sniff';
import type { ShardSource } from '../rows/shard';
import type { Inspection, InspectOptions } from './classify';
import { findDuplicates } from './pooled';
import type { FileReport } from './report';

/** @param onFraction of the unpacking. */
export async function settleShards(inspection: Inspection, options: InspectOptions, onFraction: OnFraction): Promise<void> {
  await unpackShards(inspection, onFraction);
  await refuseDuplicates(inspection, options);
}

/** So that nobody waits for it later. A file of which it fails is refused like any other bad one. */
async function unpackShards(inspection: Inspection, onFraction: OnFraction): Promise<void> {
  const total = inspection.shards.reduce((sum, { packed }) => sum + packed.length, 0);
  let done = 0;
  const failed = new Map<ShardSource, Partial<FileReport>>();
  for (const shard of inspection.shards) {
    const { packed, facts } = shard;
    try {
      await unpackAll(packed, (fraction) => onFraction((done + fraction * packed.length) / total));
    } catch (cause) {
      failed.set(shard, { error: withoutPath(cause, facts.label) });
    }
    done += packed.length;
  }
  refuse(inspection, failed);
}

/** Files with the rows of another one are refused; where that was confirmed they are used, and it is said. */
export async function refuseDuplicates(inspection: Inspection, { allowDuplicates }: InspectOptions): Promise<void> {
  const copies = await findDuplicates(inspection.shards);
  const refused = new Map<ShardSource, Partial<FileReport>>();
  for (const [shard, first] of copies) {
    const same = `the same rows as ${first.facts.label}`;
    if (allowDuplicates) {
      const report = reportOf(inspection, shard);
      Object.assign(report ?? {}, { assumptions: [...(report?.assumptions ?? []), `${same}, used all the same: they count twice`] });
    } else
      refused.set(shard, {
        error: `holds ${same}: they would count twice, and held-out rows would be trained on. Remove it, or say that it is meant (--allow-duplicates on the command line).`,
        question: 'duplicate-rows',
      });
  }
  refuse(inspection, refused);
}

const reportOf = ({ reports }: Inspection, { facts }: ShardSource): FileReport | undefined =>
  reports.find(({ path }) => path === facts.label);

function refuse(inspection: Inspection, refused: ReadonlyMap<ShardSource, Partial<FileReport>>): void {
  for (const [shard, why] of refused) Object.assign(reportOf(inspection, shard) ?? {}, { ok: false, ...why });
  inspection.shards = inspection.shards.filter((shard) => !refused.has(shard));
}
