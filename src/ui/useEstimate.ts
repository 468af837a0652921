import { useEffect, useState } from 'react';
import type { Estimate, SweepConfig, SweepTime } from '../lab/protocol';
import { messageOf } from '../util/errors';
import { useServices } from './context';

/** Typing is over for so long before the cost is asked for, and then the time, for which steps are run on the GPU. */
const SETTLE_MS = 150;
const TIME_MS = 600;
/** It is asked for again when something else came between. */
const AGAIN_MS = 3000;

interface Cost {
  estimate?: Estimate;
  /** Undefined until measured. */
  time?: SweepTime;
  error?: string;
}

/** The cost of a sweep on this device with this data, asked anew shortly after either changes; its time while nothing trains. */
export function useEstimate(config: SweepConfig | undefined, dataKey: string | undefined, isLive: boolean): Cost {
  const { lab } = useServices();
  const [answer, setAnswer] = useState<{ key: string; estimate?: Estimate; error?: string }>();
  const [timed, setTimed] = useState<{ key: string; time: SweepTime }>();
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
  const [tried, setTried] = useState(0);
  const isPossible = key !== undefined && answer?.key === key && answer.estimate?.ok === true;
  const isTimed = timed?.key === key;
  // biome-ignore lint/correctness/useExhaustiveDependencies: as above.
  useEffect(() => {
    if (!key || !config || !isPossible || isTimed || isLive) return;
    let current = true;
    let timer = setTimeout(() => {
      const take = (time: SweepTime) => {
        if (time.range) setTimed({ key, time });
        else timer = setTimeout(() => setTried((n) => n + 1), AGAIN_MS);
      };
      lab.ask({ type: 'time', config }).then(
        (time) => current && take(time),
        // Why it cannot be timed is said when it is started.
        () => current && setTimed({ key, time: {} }),
      );
    }, TIME_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [key, lab, isPossible, isTimed, isLive, tried]);
  if (!key || answer?.key !== key) return {};
  const { estimate, error } = answer;
  return { ...(estimate && { estimate }), ...(error !== undefined && { error }), ...(isTimed && timed && { time: timed.time }) };
}
