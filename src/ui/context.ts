import { createContext, useContext } from 'react';
import type { Lab } from './controller';
import type { ChartScheduler } from './scheduler';

export interface LabServices {
  lab: Lab;
  scheduler: ChartScheduler;
}

export const LabContext = createContext<LabServices | undefined>(undefined);

export function useServices(): LabServices {
  const services = useContext(LabContext);
  if (!services) throw new Error('LabContext is missing');
  return services;
}
