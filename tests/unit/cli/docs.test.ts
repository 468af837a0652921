/** The tables of options in docs/cli.md are those of the command line. After a change of a row: npx vitest run --project unit tests/unit/cli/docs.test.ts -u */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { commandUsages } from '../../../src/cli/main';
import { type CommandUsage, optionTable } from '../../../src/cli/options';

const PATH = new URL('../../../docs/cli.md', import.meta.url).pathname;
const usages = new Map(commandUsages());

/** Of `sweep` only what differs from `train`. */
function table(command: string): string {
  const { options, ...rest } = usages.get(command) as CommandUsage;
  const said = command === 'sweep' ? usages.get('train')?.options : undefined;
  const rows = Object.entries(options).filter(([name, row]) => JSON.stringify(said?.[name]) !== JSON.stringify(row));
  return optionTable({ ...rest, options: Object.fromEntries(rows) });
}

it('docs/cli.md lists the options that there are, with their defaults', async () => {
  const text = readFileSync(PATH, 'utf8');
  const found: string[] = [];
  const renewed = text.replace(/<!-- options of (\w+) -->\n[\s\S]*?<!-- end of options -->/g, (_, command: string) => {
    found.push(command);
    return `<!-- options of ${command} -->\n${table(command)}\n<!-- end of options -->`;
  });
  expect(found.sort()).toEqual([...usages.keys()].sort());
  await expect(renewed).toMatchFileSnapshot(PATH);
});
