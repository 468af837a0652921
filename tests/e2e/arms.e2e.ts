import { expect } from 'vitest';
import { configure, dropFiles, journey, on, withBrowser } from './lab';
import { writeShards } from './shards';

withBrowser();

journey(
  'a sweep of arms: the same architecture twice, seeds of its own, one arm taken away; the link keeps them',
  {},
  async ({ page, until }) => {
    const arms = page.getByRole('list', { name: 'Arms' }).getByRole('listitem');
    const field = (name: string) => page.getByRole('textbox', { name, exact: true });
    await until('device', (s) => s.device !== undefined);
    await dropFiles(page, writeShards(1));
    await until('rows', (s) => s.data.shards !== undefined);
    await expect.poll(() => arms.count()).toBe(2);

    // By keyboard: the button, then the new arm's own fields.
    await page.getByRole('button', { name: 'Add an arm' }).press('Enter');
    await expect.poll(() => arms.count()).toBe(3);
    expect(await page.getByRole('combobox', { name: 'Architecture of arm 3' }).inputValue()).toBe('gated');
    await field('Gated 2 Width').fill('16');
    await field('Gated 2 λ').fill('0.3');
    const more = page.getByRole('button', { name: /^More of arm 3/ });
    expect(await more.getAttribute('aria-expanded')).toBe('false');
    await more.press('Enter');
    expect(await more.getAttribute('aria-expanded')).toBe('true');
    await field('Gated 2 Seeds').fill('1, x');
    await page.getByText('"x" is not a number.').waitFor();
    await field('Gated 2 Seeds').fill('4, 5');
    await field('Gated Width').fill('32');
    await field('Gated λ').fill('0.2');
    await page.getByRole('button', { name: 'Remove arm 1, Baseline' }).press('Enter');
    await expect.poll(() => arms.count()).toBe(2);
    await configure(page, { steps: '4', batch: '64' });
    await expect
      .poll(() => new URL(page.url()).hash)
      .toBe('#arm=gated+width%3D32+lambda%3D0.2&arm=gated+width%3D16+lambda%3D0.3+seeds%3D4%2C5&steps=4&batch=64');

    await page.getByRole('button', { name: 'Start 3 runs' }).click();
    const { runs } = await until('three finished runs', (s) => s.runs.length === 3 && s.runs.every((run) => run.state === 'done'));
    expect(runs.map(({ arch, dSae, lambda, seed }) => [arch, dSae, lambda, seed])).toEqual([
      ['gated', 32, 0.2, 1],
      ['gated', 16, 0.3, 4],
      ['gated', 16, 0.3, 5],
    ]);
    await on(page).runsTable.waitFor();

    await page.reload();
    await until('the page anew', (s) => s.device !== undefined);
    await expect.poll(() => arms.count()).toBe(2);
    expect(await field('Gated 2 Width').inputValue()).toBe('16');
  },
);

journey(
  'a link of earlier days opens its arms',
  { path: '?test=1#arch=gated&gated-width=24&gated-lambda=0.5&steps=7' },
  async ({ page }) => {
    const field = (name: string) => page.getByRole('textbox', { name, exact: true });
    await field('Gated Width').waitFor();
    expect(await page.getByRole('list', { name: 'Arms' }).getByRole('listitem').count()).toBe(1);
    expect([await field('Gated Width').inputValue(), await field('Gated λ').inputValue(), await field('Steps').inputValue()]).toEqual([
      '24',
      '0.5',
      '7',
    ]);
  },
);

journey(
  'what is wrong with seeds of an arm’s own is in sight, and stays while it is mended',
  { path: '?test=1#arm=gated+seeds%3Dx' },
  async ({ page }) => {
    const seeds = page.getByRole('textbox', { name: 'Gated Seeds', exact: true });
    await page.getByText('"x" is not a number.').waitFor();
    await seeds.press('End');
    await seeds.press('Backspace');
    await seeds.pressSequentially('12');
    expect(await seeds.inputValue()).toBe('12');
    expect(await page.getByText('is not a number').count()).toBe(0);
  },
);
