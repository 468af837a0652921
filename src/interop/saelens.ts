/** SAELens files: https://github.com/jbloomAus/SAELens. */
export { foldScale } from './fold';
export { type SaeOrigin, saeOrigin } from './saelensCfg';
export { type LoadedSae, loadSae } from './saelensLoad';
export { type NamedBytes, type SaelensOrigin, saelensFolder, savingNotes } from './saelensSave';
