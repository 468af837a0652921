/** Paths with forward slashes, as dropped and named files have them. */

/** The part behind the last slash. */
export const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** The part before the last slash; '' when there is none. */
export const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
