/** What metrics rest on, as the command line says it and as it stands in JSON results. */
import type { Provenance } from '../lab/protocol';
import { say } from './output';

/** On stderr, before the training. */
export function sayProvenance(provenance: Provenance | undefined): void {
  if (!provenance) return;
  const { hook, hookFrom, hookCheck, lossProblem, evalText } = provenance;
  if (hook !== undefined) say(`hook ${hook}, from ${hookFrom}${hookCheck ? `; ${hookCheck.verdict}: ${hookCheck.found}` : ''}`);
  if (lossProblem !== undefined) say(`loss recovered is not measured: ${lossProblem}`);
  if (evalText !== undefined) say(evalText);
}

/** Keys of JSON results (docs/cli.md). */
export function provenanceFacts(provenance: Provenance | undefined): Record<string, unknown> {
  if (!provenance) return {};
  const { hook, hookFrom, hookCheck, lossProblem, evalTokensSeen, evalText } = provenance;
  return {
    ...(hook !== undefined && { hook }),
    ...(hookFrom !== undefined && { hook_from: hookFrom }),
    ...(hookCheck && { hook_check: hookCheck.verdict, hook_check_found: hookCheck.found }),
    ...(lossProblem !== undefined && { loss_recovered_problem: lossProblem }),
    ...(evalTokensSeen && { eval_tokens_seen_in_training: evalTokensSeen.seen }),
    ...(evalText !== undefined && { eval_text: evalText }),
  };
}
