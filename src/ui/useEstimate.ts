import { useEffect, useState } from 'react';
import type { Estimate, SweepConfig } from '../lab/protocol';
import { messageOf } from '../util/errors';
import { useServices } from './context';

const SETTLE_MS = 150;

/** The cost of a sweep on this device with this data, asked anew shortly after either changes; undefined until answered. */
export function useEstimate(config: SweepConfig | undefined, dataKey: string | undefined): { estimate?: Estimate; error?: string } {
  const { lab } = useServices();
  const [answer, setAnswer] = useState<{ key: string; estimate?: Estimate; error?: string }>();
  const key = config && dataKey ? `${dataKey} ${JSON.stringify(config)}` : undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` says when config or data differ.
  useEffect(() => {
    if (!key || !config) return;
    let current = true;
    const timer = setTimeout(() => {
      lab.ask({ type: 'estimate', config }).then(
        (estimate) => current && setAnswer({ key, estimate }),
        (error: unknown) => current && setAnswer({ key, error: messageOf(error) }),
      );
    }, SETTLE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [key, lab]);
  return key && answer?.key === key ? answer : {};
}
