/** What a folder of shards is, for whoever opens it. */

/** A file that was dropped or named. */
export interface ListedFile {
  readonly path: string;
  readonly size: number;
  /** Its own bytes do not say what it is. */
  readonly isUnknown?: boolean;
}

export interface FolderGroup {
  /** What it is called in reports. */
  readonly layout: string;
  readonly folder: string;
  /** Paths of the files with rows, in their order. */
  readonly files: readonly string[];
  /** Paths of what else belongs to them: JSON that describes them. */
  readonly companions: readonly string[];
  /** Id of the format (`registry.ts`) that takes files and companions together. Without one each file is a container of its own format, and their rows follow each other. */
  readonly reader?: string;
  /** The companions have reports of their own; else the group's stands for them. */
  readonly companionsApart: boolean;
  /** Names of files that should be there, twenty at most. */
  readonly missing: readonly string[];
  readonly hookName?: string;
  /** File of each tensor, where an index says so. */
  readonly tensors?: ReadonlyMap<string, string>;
  readonly metadata: ReadonlyMap<string, string>;
  /** What was taken for granted, for the user to confirm. */
  readonly assumptions: readonly string[];
}

/** A folder as a layout sees it. */
export interface Folder {
  readonly path: string;
  /** Files directly in it that belong to no group yet, in natural order. */
  readonly names: readonly string[];
  /** Parsed JSON by name; `../` reaches the folder above. */
  json(name: string): unknown;
  /** True for a file whose own bytes do not say what it is. */
  isUnknown(name: string): boolean;
}

/** Groups of one layout in a folder; none where it is not that layout. */
export type Layout = (folder: Folder) => FolderGroup[];
