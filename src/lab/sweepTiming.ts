/** Times a sweep for the page: never beside runs that train, and given up when something else is asked for. */
import type { Gpu } from '../gpu/device';
import type { SweepConfig, SweepTime } from './protocol';
import { costLimits } from './runSpecs';
import { measureSteps, sweepTime } from './timeEstimate';
import type { Workspace } from './workspace';

export interface Timed {
  gpu: Gpu;
  flopsPerMs: number;
  workspace: Workspace;
}

export class SweepTiming {
  private underWay: AbortController | undefined;

  /** Ends a timing that runs or waits. */
  giveUp(): void {
    this.underWay?.abort();
  }

  /** @param inTurn runs work when its turn comes. @param mayGoOn asked then. @returns nothing where it was given up. */
  async time(
    config: SweepConfig,
    { gpu, flopsPerMs, workspace }: Timed,
    inTurn: <T>(work: () => Promise<T>) => Promise<T>,
    mayGoOn: () => boolean,
  ): Promise<SweepTime> {
    this.giveUp();
    const timing = new AbortController();
    this.underWay = timing;
    return inTurn(async () => {
      const { d, harvest } = workspace;
      if (timing.signal.aborted || !mayGoOn() || d === undefined) return {};
      try {
        const step = await measureSteps(gpu, config, d, costLimits(gpu, flopsPerMs), timing.signal);
        return { range: sweepTime(config, step, { evaluates: true, harvest, flopsPerMs }), isWhole: step.isWhole };
      } catch (error) {
        if (timing.signal.aborted) return {};
        throw error;
      }
    });
  }
}
