/** What a person answered where files left a choice, and what there was to choose from, so that it can be answered anew. */
import type { InspectOptions } from '../data/dropped/classify';
import { naturalCompare } from '../util/naturalSort';
import type { FileReport, Picked } from './protocol';

export class Picks {
  private choices: InspectOptions = {};
  private among: string[] = [];

  get options(): InspectOptions {
    return this.choices;
  }

  /** @param reports of the files as they were when the question was asked. */
  answer(choices: InspectOptions, reports: readonly FileReport[]): void {
    const asked = reports.flatMap(({ candidates }) => candidates ?? []);
    if (choices.tensor !== undefined && asked.length > 0) this.among = [...new Set([...this.among, ...asked])].sort(naturalCompare);
    this.choices = { ...this.choices, ...choices };
  }

  /** Absent when nothing was answered. */
  get picked(): Picked | undefined {
    const { tensor, wordsAreBf16, allowDuplicates } = this.choices;
    if (tensor === undefined && !wordsAreBf16 && !allowDuplicates) return undefined;
    return {
      ...(tensor !== undefined && { tensor, among: this.among.includes(tensor) ? this.among : [tensor, ...this.among] }),
      ...(wordsAreBf16 && { wordsAreBf16 }),
      ...(allowDuplicates && { allowDuplicates }),
    };
  }
}
