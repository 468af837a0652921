/** One file while it is being classified. */
import type { FileReport } from '../lab/protocol';
import type { Sniffed } from './sniff';
import type { ByteSource } from './types';

/** A file between the passes. */
export interface Entry {
  source: ByteSource;
  folder: string;
  found: Sniffed;
  report: FileReport;
}

type Reported = Pick<Entry, 'report'>;

/** Sets a report to accepted. */
export function accept(entry: Reported, format: string, more: Partial<FileReport> = {}): void {
  Object.assign(entry.report, { ok: true, format, ...more });
  delete entry.report.error;
}

/** Sets a report to refused. */
export function refuse(entry: Reported, format: string, error: string, more: Partial<FileReport> = {}): void {
  Object.assign(entry.report, { ok: false, format, error, ...more });
}
