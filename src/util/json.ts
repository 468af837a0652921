/** A parsed JSON object whose fields are still unknown. */
export type Fields = Readonly<Record<string, unknown>>;

/** An object in JSON's sense: no array, no null. */
export const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
