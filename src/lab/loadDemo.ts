/** The demo's model and text in the workspace, in place of what was there. */
import { demoFiles, demoPlan } from './demo';
import type { Workspace } from './workspace';

/** @returns the sweep that suits the device, and a sentence on what was reduced for it. */
export async function loadDemo(workspace: Workspace, base: string, hook: string | undefined, isSoftware: boolean) {
  // Had first: what was there stays when they cannot be.
  const files = await demoFiles(base);
  workspace.clear();
  workspace.configure(demoPlan(512, isSoftware).workspace);
  workspace.isDemo = true;
  await workspace.add(files);
  if (hook !== undefined) workspace.chooseHook(hook);
  return demoPlan(workspace.d ?? 512, isSoftware);
}
