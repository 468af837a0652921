import AxeBuilder from '@axe-core/playwright';
import { expect } from 'vitest';
import { journey, on, withBrowser } from './lab';

withBrowser();

journey('first visit: one heading, the drop zone and the demo, nothing that hinders access', {}, async ({ page, until }) => {
  await on(page).heading.waitFor();
  expect(await on(page).heading.count()).toBe(1);
  expect(await on(page).dropZone.isVisible()).toBe(true);
  expect(await on(page).runDemo.isVisible()).toBe(true);
  await until('device', (s) => s.device !== undefined);
  expect(await page.title()).toContain('Gated SAE Lab');
  expect(await page.locator('meta[http-equiv="Content-Security-Policy"]').count()).toBe(1);
  const { violations } = await new AxeBuilder({ page }).analyze();
  const grave = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
  expect(grave.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`)).toEqual([]);
});

journey('first visit: the first paint comes within a second', {}, async ({ page, address }) => {
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    await page.goto(`${address}?visit=${i}`);
    times.push(
      await page.evaluate(
        () =>
          new Promise<number>((done) => {
            new PerformanceObserver((list) => {
              const paint = list.getEntriesByName('first-contentful-paint')[0];
              if (paint) done(paint.startTime);
            }).observe({ type: 'paint', buffered: true });
          }),
      ),
    );
  }
  const median = times.sort((a, b) => a - b)[1] as number;
  console.log(`first contentful paint: ${times.map((t) => Math.round(t)).join(', ')} ms`);
  expect(median).toBeLessThan(1000);
});

journey('no WebGPU: the page says so and what to do', { hideWebGpu: true }, async ({ page, until }) => {
  const { deviceProblem } = await until('reason', (s) => s.deviceProblem !== undefined);
  expect(deviceProblem?.reason).toBe('no-webgpu');
  await page
    .getByText(/has no WebGPU/i)
    .first()
    .waitFor();
  await on(page).heading.waitFor();
});

journey('WebGPU without a GPU: the page says so and what to do', { flags: [] }, async ({ page, until }) => {
  const { deviceProblem } = await until('reason', (s) => s.deviceProblem !== undefined);
  expect(deviceProblem?.reason).toBe('no-adapter');
  await page
    .getByText(/hardware acceleration/i)
    .first()
    .waitFor();
});
