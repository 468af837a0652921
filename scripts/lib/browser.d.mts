import type { Browser } from 'playwright-core';

export const WEBGPU_FLAG: string;
export function launchBrowser(flags?: string[]): Promise<Browser>;
export function servePage(): Promise<{ address: string; close(): Promise<void> }>;
