/** Paths with forward slashes, as dropped and named files have them. */

/** The part behind the last slash. */
export const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Hidden files say nothing of what was dropped, but for those by which a folder of zarr is known. */
export const isHidden = (name: string): boolean => name.startsWith('.') && !/^\.z(array|group)$/.test(name);

/** The part before the last slash; '' when there is none. */
export const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
