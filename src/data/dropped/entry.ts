/** One file while it is being classified. */
import type { ByteSource } from '../bytes/types';
import type { Sniffed } from '../formats/sniff';
import type { FileReport } from './report';

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
