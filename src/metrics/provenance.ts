/** What metrics rest on, under the keys of JSON results and saved SAEs (docs/cli.md). */
import type { Provenance } from '../lab/protocol';

export interface ProvenanceFacts {
  hook?: string;
  hook_from?: string;
  hook_check?: string;
  hook_check_found?: string;
  loss_recovered_problem?: string;
  eval_tokens_seen_in_training?: number;
  eval_text?: string;
}

/** What is not known is absent. */
export function provenanceFacts({ hook, hookFrom, hookCheck, lossProblem, evalTokensSeen, evalText }: Provenance = {}): ProvenanceFacts {
  return {
    ...(hook !== undefined && { hook }),
    ...(hookFrom !== undefined && { hook_from: hookFrom }),
    ...(hookCheck && { hook_check: hookCheck.verdict, hook_check_found: hookCheck.found }),
    ...(lossProblem !== undefined && { loss_recovered_problem: lossProblem }),
    ...(evalTokensSeen && { eval_tokens_seen_in_training: evalTokensSeen.seen }),
    ...(evalText !== undefined && { eval_text: evalText }),
  };
}
