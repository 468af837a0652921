/** Milliseconds of processor time that this process has taken: what a bound on work is measured by, for the clock also counts waiting for a core. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
