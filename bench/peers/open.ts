/** Starts the libraries that the lab is measured against. They are loaded only now, each by itself. */
import { messageOf } from '../../src/util/errors';
import type { Platform } from '../context';
import type { Peer } from './peer';

export const PEERS: readonly { name: string; open: () => Promise<Peer> }[] = [
  { name: 'TF.js', open: async () => (await import('./tfjs')).openTfjs() },
  { name: 'jax-js', open: async () => (await import('./jaxjs')).openJaxjs() },
];

/** Something that gave no figures, and why. */
export interface Problem {
  what: string;
  why: string;
  /** A case that went wrong, rather than one that there was no time for or a library that is not here. */
  isFailure?: boolean;
  stack?: string;
}

/** Those that start here, and why the others do not. */
export async function openPeers(platform: Platform): Promise<{ peers: Peer[]; problems: Problem[] }> {
  await platform.noteDevices();
  const peers: Peer[] = [];
  const problems: Problem[] = [];
  for (const { name, open } of PEERS) {
    try {
      peers.push(await open());
    } catch (cause) {
      problems.push({ what: name, why: messageOf(cause) });
    }
  }
  return { peers, problems };
}
