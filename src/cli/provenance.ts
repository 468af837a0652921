/** What metrics rest on, as the command line says it. */
import type { Provenance } from '../lab/protocol';
import { say } from './output';

/** On stderr, before the training. */
export function sayProvenance(provenance: Provenance | undefined): void {
  if (!provenance) return;
  const { hook, hookFrom, hookCheck, lossProblem, evalText } = provenance;
  if (hook !== undefined)
    say(`hook ${hook}${hookFrom ? ` (${hookFrom})` : ''}${hookCheck ? `; ${hookCheck.verdict}: ${hookCheck.found}` : ''}`);
  if (lossProblem !== undefined) say(`loss recovered is not measured: ${lossProblem}`);
  if (evalText !== undefined) say(evalText);
}
