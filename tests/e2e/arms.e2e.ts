import { expect } from 'vitest';
import { configure, dropFiles, journey, on, withBrowser } from './lab';
import { writeShards } from './shards';

withBrowser();

journey(
  'a sweep of arms: the same architecture twice, seeds of its own, one arm taken away; the link keeps them',
  {},
  async ({ page, until }) => {
    const arms = page.getByRole('list', { name: 'Arms', exact: true }).getByRole('combobox', { name: /^Architecture of arm/ });
    const field = (name: string) => page.getByRole('textbox', { name, exact: true });
    await until('device', (s) => s.device !== undefined);
    await dropFiles(page, writeShards(1));
    await until('rows', (s) => s.data.shards !== undefined);
    await expect.poll(() => arms.count()).toBe(2);

    // By keyboard: the button, what is picked, then the new arm's own fields.
    await page.getByRole('button', { name: '+ Add arm' }).press('Enter');
    await page
      .getByRole('region', { name: 'Gated' })
      .getByRole('button', { name: /^Gated/ })
      .press('Enter');
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
  'a preset by link, an arm from the picker, a chip taken off, a run struck out, and any two arms compared',
  { path: '?test=1&preset=paper' },
  async ({ page, until }) => {
    const arms = page.getByRole('list', { name: 'Arms', exact: true }).getByRole('combobox', { name: /^Architecture of arm/ });
    const field = (name: string) => page.getByRole('textbox', { name, exact: true });
    await until('device', (s) => s.device !== undefined);
    await dropFiles(page, writeShards(1));
    await until('rows', (s) => s.data.shards !== undefined);
    expect(await page.getByRole('link', { name: 'The paper' }).getAttribute('aria-current')).toBe('true');
    await expect.poll(() => arms.count()).toBe(2);

    await page.getByRole('button', { name: '+ Add arm' }).click();
    await page
      .getByRole('region', { name: 'Gated' })
      .getByRole('button', { name: /^Gated/ })
      .click();
    await expect.poll(() => arms.count()).toBe(3);
    await configure(page, { 'widths.baseline': '48', 'widths.gated': '32', 'lambdas.baseline': '0.1', 'lambdas.gated': '0.1, 0.2' });
    await field('Gated 2 Width').fill('16');
    await field('Gated 2 λ').fill('0.1, 0.3');
    await configure(page, { steps: '40', batch: '64', evalEvery: '1' });

    // A setting of its own is a chip, which takes it back.
    await page.getByRole('button', { name: /^More of arm 3/ }).click();
    await field('Gated 2 lr').fill('3e-3');
    await expect.poll(() => new URL(page.url()).hash).toContain('lr%3D3e-3');
    await page.getByRole('button', { name: 'lr 3e-3: back to the default' }).click();
    await expect.poll(() => new URL(page.url()).hash).not.toContain('lr%3D3e-3');

    await page.getByText('3 arms, 5 runs').click();
    await page.getByRole('checkbox', { name: 'Gated 2, λ 0.3' }).uncheck();
    await expect.poll(() => new URL(page.url()).hash).toContain('without%3Dlambda%3A0.3');
    await page.getByText('3 arms − 1 struck out, 4 runs').waitFor();
    await page.getByRole('button', { name: 'Start 4 runs' }).click();
    const { runs } = await until('four finished runs', (s) => s.runs.length === 4 && s.runs.every((run) => run.state === 'done'));
    expect(runs.map(({ arch, dSae, lambda }) => [arch, dSae, lambda])).toEqual([
      ['baseline', 48, 0.1],
      ['gated', 32, 0.1],
      ['gated', 32, 0.2],
      ['gated', 16, 0.1],
    ]);

    // Three arms are three lines of the legend, and any two of them are compared.
    await page.getByRole('toolbar', { name: 'Gated width 16 runs by L0' }).waitFor();
    const sentence = page.getByTestId('pareto-sentence');
    const choice = page.getByRole('group', { name: 'Arms that the sentence compares' });
    await choice.getByLabel('Compare').selectOption({ label: 'Gated width 16' });
    await choice.getByLabel('with').selectOption({ label: 'Gated width 32' });
    await expect.poll(() => sentence.textContent()).toMatch(/Gated width 16.*Gated width 32/);
    // Whoever is picked on the other side changes sides.
    await choice.getByLabel('Compare').selectOption({ label: 'Gated width 32' });
    await expect.poll(() => sentence.textContent()).toMatch(/Gated width 32.*Gated width 16/);
  },
);

journey(
  'a link of earlier days opens its arms',
  { path: '?test=1#arch=gated&gated-width=24&gated-lambda=0.5&steps=7' },
  async ({ page }) => {
    const field = (name: string) => page.getByRole('textbox', { name, exact: true });
    await field('Gated Width').waitFor();
    expect(await page.getByRole('combobox', { name: /^Architecture of arm/ }).count()).toBe(1);
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
