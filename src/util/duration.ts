/** Times as people read them. */

/** Seconds, as a least and a most that are meant to hold the truth. */
export interface TimeRange {
  least: number;
  most: number;
}

export function duration(seconds: number): string {
  const { value, unit } = parts(seconds);
  return unit ? `${value} ${unit}` : value;
}

function parts(seconds: number): { value: string; unit: string } {
  if (!Number.isFinite(seconds)) return { value: 'unknown', unit: '' };
  if (seconds < 10) return { value: seconds.toFixed(1), unit: 's' };
  if (seconds < 90) return { value: String(Math.round(seconds)), unit: 's' };
  if (seconds < 5400) return { value: String(Math.round(seconds / 60)), unit: 'min' };
  return { value: (seconds / 3600).toFixed(1), unit: 'h' };
}

/** "3 to 5 min", "40 s to 2 min"; one number where both read alike. */
export function durationRange({ least, most }: TimeRange): string {
  const [from, to] = [parts(least), parts(most)];
  if (duration(least) === duration(most)) return duration(most);
  return from.unit === to.unit ? `${from.value} to ${duration(most)}` : `${duration(least)} to ${duration(most)}`;
}
