/** What “Clear” took away, until other data are in its place. */
import type { Workspace, WorkspaceMemory } from './workspace';

export class ClearedData {
  private memory: WorkspaceMemory | undefined;

  remember({ memory }: Workspace): void {
    this.memory = memory;
  }

  /** @throws Error when other data are in its place. */
  async bringBack(workspace: Workspace): Promise<void> {
    const { memory } = this;
    if (!memory || workspace.sources.length > 0) throw new Error('What was cleared cannot be brought back: other data are in its place.');
    this.memory = undefined;
    await workspace.adopt(memory);
  }
}
