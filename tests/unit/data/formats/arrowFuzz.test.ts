import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import { openArrow } from '../../../../src/data/formats/arrow/arrow';
import { openHfDataset } from '../../../../src/data/formats/arrow/hfDataset';
import { FORMATS } from '../helpers';
import { endure } from './arrowHelpers';

const file = (path: string, tender: number) => ({ bytes: new Uint8Array(readFileSync(path)), tender: [0, tender] as const });

it('a damaged Arrow file is refused or read, and nothing else', async () => {
  const files = [
    file(`${FORMATS}/good/saelens_float32/data-00000-of-00002.arrow`, 0x570),
    file('tests/unit/data/formats/arrow/mixed_stream.arrow', 2600),
    file('tests/unit/data/formats/arrow/mixed_file.arrow', 2600),
  ];
  for (const seed of [1, 2]) {
    const { refused, read } = await endure(files, 400, seed, openArrow);
    expect(refused).toBeGreaterThan(50);
    expect(read).toBeGreaterThan(20);
  }
});

it('damaged JSON beside Arrow files is refused or read, and nothing else', async () => {
  const folder = `${FORMATS}/good/saelens_float16`;
  const source = (name: string) => new MemorySource(name, new Uint8Array(readFileSync(`${folder}/${name}`)));
  const arrows = ['data-00000-of-00002.arrow', 'data-00001-of-00002.arrow'].map(source);
  for (const [name, other] of [
    ['state.json', 'dataset_info.json'],
    ['dataset_info.json', 'state.json'],
  ] as const) {
    const bytes = new Uint8Array(readFileSync(`${folder}/${name}`));
    await endure([{ bytes, tender: [0, bytes.length] }], 150, 3, async (damaged) => {
      const json = new MemorySource(name, await damaged.read(0, damaged.size));
      return openHfDataset([...arrows, source(other), json]);
    });
  }
});
