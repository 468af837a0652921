/** A sweep's settings: the table, and what form, link, command line and worker make of it. */
export { scaleWords } from '../normalizations';
export { armsOfPreset, type Preset, preset, presetOf, presets } from '../presets';
export { isTuned, SHORT_GRID, tuned } from '../tuning';
export * from './arms';
export * from './commandLine';
export * from './link';
export * from './parse';
export * from './product';
export { AUTO, foundWords, startOf } from './starts';
export * from './table';
export type { Row, Spec } from './types';
export { isList, parts } from './values';
