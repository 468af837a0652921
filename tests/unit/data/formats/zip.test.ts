import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import { nodeUnpacking } from '../../../../src/data/bytes/nodeUnpacking';
import { unpackOn } from '../../../../src/data/bytes/unpacking';
import { openZip, type ZipMember } from '../../../../src/data/formats/zip/archive';
import { crc32 } from '../../../../src/data/formats/zip/crc32';
import { ascii, CountedSource, concat, fixture, numbered, refusalOf, type ZipInput, zipFile } from './npyHelpers';

const memory = (bytes: Uint8Array) => new MemorySource('a.zip', bytes);
const open = (inputs: ZipInput[], options = {}) => openZip(memory(zipFile(inputs, options)));

async function memberOf(inputs: ZipInput[], name: string, options = {}): Promise<ZipMember> {
  const member = (await open(inputs, options)).members.get(name);
  if (!member) throw new Error(`no member ${name}`);
  return member;
}

/** 3 MB that deflate to about half: many windows, many of the platform's chunks. */
const LONG = new Uint8Array(3_000_000);
for (let i = 0, state = 1; i < LONG.length; i++) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  LONG[i] = state >>> 28;
}

describe('zip archives', () => {
  it('have the checksum that the zip standard gives as its example', () => {
    expect(crc32(ascii('123456789'))).toBe(0xcbf43926);
    expect(crc32(ascii('6789'), crc32(ascii('12345')))).toBe(0xcbf43926);
  });

  for (const method of [0, 8] as const) {
    for (const [kind, more] of Object.entries({ plain: {}, 'with descriptors': { descriptor: true }, zip64: { wide: true } })) {
      it(`read ${method ? 'deflated' : 'stored'} members, ${kind}, in any order of ranges`, async () => {
        const inputs = [
          { name: 'empty', data: new Uint8Array(0), method, ...more },
          { name: 'folder/long', data: LONG, method, ...more },
        ];
        const zip = await open(inputs, { wide: kind === 'zip64', comment: 'a comment' });
        expect([...zip.members.keys()]).toEqual(['empty', 'folder/long']);
        expect((await zip.members.get('empty')?.read(0, 0))?.length).toBe(0);
        const member = zip.members.get('folder/long') as ZipMember;
        expect(member).toMatchObject({ size: LONG.length, method: method ? 'deflated' : 'stored' });
        // Forwards, a gap, back within a chunk, far back, at once, and the end twice.
        const ranges = [
          [0, 10],
          [10, 100_000],
          [2_000_000, 70_001],
          [2_070_000, 5],
          [3, 1],
          [1_000_000, 9],
          [2_999_000, 1000],
          [2_999_999, 1],
        ] as const;
        const parts = await Promise.all(ranges.map(([from, length]) => member.read(from, length)));
        ranges.forEach(([from, length], i) => {
          expect(Buffer.compare(parts[i] as Uint8Array, LONG.subarray(from, from + length)), `${from} + ${length}`).toBe(0);
        });
        expect(Buffer.compare(await member.read(0, LONG.length), LONG)).toBe(0);
      });
    }
  }

  it('are read by ranges: the directory once, of a stored member only what is asked for', async () => {
    const source = new CountedSource(memory(zipFile([{ name: 'a', data: LONG }])));
    const member = (await openZip(source)).members.get('a');
    const opened = source.bytesRead;
    expect(opened).toBeLessThan(70_000);
    await member?.read(1_000_000, 500);
    expect(source.bytesRead - opened).toBe(500 + 31);
  });

  it('are unpacked once, whatever ranges are read in what order and how often the archive is opened', async () => {
    const bytes = zipFile([{ name: 'a', data: LONG, method: 8 }]);
    const source = new CountedSource(new MemorySource('once.zip', bytes));
    const member = (await openZip(source)).members.get('a');
    const opened = source.bytesRead;
    // At once, backwards, and again through another opening of the same file.
    await Promise.all([2_000_000, 70_000, 1_000_000].map((at) => member?.read(at, 100_000)));
    for (let at = LONG.length - 30_000; at > 100_000; at -= 30_000) await member?.read(at, 30_000);
    expect(source.bytesRead - opened).toBeLessThanOrEqual(bytes.length);
    expect(source.largest).toBeLessThanOrEqual(2 ** 18);
    const before = source.bytesRead;
    const again = (await openZip(source)).members.get('a');
    const reopened = source.bytesRead - before;
    expect(await again?.read(LONG.length - 10, 10)).toEqual(LONG.slice(-10));
    expect(source.bytesRead - before - reopened).toBe(31);
  });

  it('are not unpacked for their first bytes, which tell what is in them', async () => {
    const source = new CountedSource(new MemorySource('head.zip', zipFile([{ name: 'a', data: LONG, method: 8 }])));
    const member = (await openZip(source)).members.get('a');
    const opened = source.bytesRead;
    expect(await member?.read(3, 10)).toEqual(LONG.slice(3, 13));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(source.bytesRead - opened).toBeLessThanOrEqual(2 ** 18);
  });

  it('are unpacked on request, with the progress told, and nothing is left in the temp folder', async () => {
    const left = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('gated-sae-lab-')).length;
    const before = await left();
    const member = (await openZip(new MemorySource('told.zip', zipFile([{ name: 'a', data: LONG, method: 8 }])))).members.get('a');
    const told: number[] = [];
    await member?.unpack?.((fraction) => told.push(fraction));
    expect(told.length).toBeGreaterThan(5);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(told.at(-1)).toBe(1);
    expect(await left()).toBe(before);
    expect((await open([{ name: 'a', data: LONG }])).members.get('a')?.unpack).toBeUndefined();
  });

  it('are refused before they are unpacked where there is no room, with what to do', async () => {
    const member = (await openZip(new MemorySource('room.zip', zipFile([{ name: 'a', data: LONG, method: 8 }])))).members.get('a');
    unpackOn({ ...nodeUnpacking, free: async () => 2_000_000, place: 'here', create: () => Promise.reject(new Error('not to be called')) });
    const error = await refusalOf(member?.read(0, LONG.length) as Promise<Uint8Array>).finally(() => unpackOn(nodeUnpacking));
    expect(error.message).toBe(
      'room.zip: is compressed and unpacks to 0.00300 GB, but only 0.00200 GB are free here. Make room, or save it uncompressed: np.savez instead of np.savez_compressed.',
    );
    unpackOn({ ...nodeUnpacking, place: 'here', create: () => Promise.reject(new Error('no place for temporary files')) });
    const homeless = await refusalOf(member?.read(0, LONG.length) as Promise<Uint8Array>).finally(() => unpackOn(nodeUnpacking));
    expect(homeless.message).toBe(
      'room.zip: is compressed and cannot be unpacked here (no place for temporary files). Save it uncompressed: np.savez instead of np.savez_compressed.',
    );
    expect(Buffer.compare((await member?.read(0, LONG.length)) as Uint8Array, LONG)).toBe(0);
  });

  it('of which there are many small ones are read alike', async () => {
    const inputs = Array.from({ length: 100 }, (_, i) => ({ name: `m${i}`, data: numbered(20_000, 4), method: 8 as const }));
    const members = [...(await open(inputs)).members.values()];
    for (const from of [1000, 40_000, 79_000]) {
      const parts = await Promise.all(members.map((member) => member.read(from, 500)));
      for (const part of parts) expect(Buffer.compare(part, numbered(20_000, 4).subarray(from, from + 500))).toBe(0);
    }
  });

  it('of PyTorch open, with members at aligned offsets', async () => {
    const zip = await openZip(fixture('good/tensor_f16.pt'));
    expect(zip.members.get('tensor_f16/data/0')).toMatchObject({ size: 4320, method: 'stored' });
    expect(new TextDecoder().decode(await zip.members.get('tensor_f16/byteorder')?.read(0, 6))).toBe('little');
  });

  it('inflate a dense member of 64 MiB in bounded memory', async () => {
    const zip = await openZip(fixture('bad/zip_bomb_like.npz'));
    const member = zip.members.get('activations.npy') as ZipMember;
    expect(member.size).toBe(67_108_992);
    const before = process.memoryUsage().rss;
    expect((await member.read(member.size - 100, 100)).every((byte) => byte === 0)).toBe(true);
    expect(process.memoryUsage().rss - before).toBeLessThan(60e6);
  });
});

describe('a damaged zip archive', () => {
  const data = numbered(5000, 4);
  const opening: [string, () => Uint8Array, RegExp][] = [
    ['is empty', () => new Uint8Array(0), /not a zip archive/],
    ['is text', () => ascii('hello, this is no archive at all'), /not a zip archive/],
    ['is cut', () => zipFile([{ name: 'a', data }]).subarray(0, 9000), /truncated.*Copy or download/],
    ['lost its beginning', () => zipFile([{ name: 'a', data }]).subarray(100), /Bytes are missing or too many/],
    ['has bytes in front', () => concat(ascii('MZ'), zipFile([{ name: 'a', data }])), /Bytes are missing or too many/],
    [
      'names a member twice',
      () =>
        zipFile([
          { name: 'a', data },
          { name: 'a', data },
        ]),
      /"a" occurs twice/,
    ],
    ['is encrypted', () => zipFile([{ name: 'a', data, lies: { flags: 1 } }]), /"a" is encrypted.*Unpack/],
    ['uses bzip2', () => zipFile([{ name: 'a', data, lies: { method: 12 } }]), /bzip2 \(12\).*Unpack/],
    ['uses a method without a name', () => zipFile([{ name: 'a', data, lies: { method: 77 } }]), /unknown method \(77\)/],
    [
      'declares a stored size twice',
      () => zipFile([{ name: 'a', data, lies: { size: 1 } }]),
      /stored member "a" has 20000 bytes in the file and 1 outside/,
    ],
    [
      'declares more than deflate can hold',
      () => zipFile([{ name: 'a', data, method: 8, lies: { size: 2 ** 31 } }]),
      /declares 2147483648 bytes, more than/,
    ],
    [
      'puts a member over the directory',
      () => zipFile([{ name: 'a', data, lies: { size: 30_000, compressedSize: 30_000 } }]),
      /overlaps the directory/,
    ],
    [
      'puts two members on one place',
      () =>
        zipFile([
          { name: 'a', data },
          { name: 'b', data, lies: { offset: 7 } },
        ]),
      /"a".*overlaps member "b"/,
    ],
    [
      'has a zip64 size beyond 2^53',
      () => zipFile([{ name: 'a', data, wide: true, lies: { size: 2 ** 60, compressedSize: 2 ** 60 } }]),
      /size is 1152921504606846976/,
    ],
  ];
  for (const [how, make, message] of opening) {
    it(`that ${how} is refused when it is opened`, async () => {
      const error = await refusalOf(openZip(memory(make())));
      expect(error.message).toMatch(message);
      expect(error.message).toMatch(/^a\.zip: /);
    });
  }

  it('whose end records disagree is refused', async () => {
    const bytes = zipFile([{ name: 'a', data }], { wide: true });
    new DataView(bytes.buffer).setUint16(bytes.length - 22 + 8, 2, true);
    new DataView(bytes.buffer).setUint16(bytes.length - 22 + 10, 2, true);
    expect((await refusalOf(openZip(memory(bytes)))).message).toMatch(/zip64 end record disagrees.*entries/);
  });

  const reading: [string, ZipInput, RegExp][] = [
    ['inflates to more than it declares', { name: 'a', data, method: 8, lies: { size: 19_999 } }, /inflates to more than the 19999 bytes/],
    [
      'inflates to less than it declares',
      { name: 'a', data, method: 8, lies: { size: 20_001 } },
      /inflates to 20000 bytes, but declares 20001/,
    ],
    ['has another checksum', { name: 'a', data, method: 8, lies: { crc: 1 } }, /checksum differs/],
    ['has another name in its header', { name: 'a', data, lies: { localName: 'b' } }, /disagrees with the directory about its name/],
    [
      'is no deflate stream',
      { name: 'a', data: new Uint8Array(500).fill(255), lies: { method: 8, size: 500 } },
      /cannot be inflated beyond byte 0/,
    ],
  ];
  /** Above what is unpacked in memory. */
  const large: typeof reading = [
    [
      'is large and inflates to more than it declares',
      { name: 'a', data: LONG, method: 8, lies: { size: 2_999_999 } },
      /inflates to more than the 2999999 bytes/,
    ],
    [
      'is large and inflates to less',
      { name: 'a', data: LONG, method: 8, lies: { size: 3_000_001 } },
      /inflates to 3000000 bytes, but declares 3000001/,
    ],
    ['is large and has another checksum', { name: 'a', data: LONG, method: 8, lies: { crc: 1 } }, /checksum differs/],
    ['is large and no deflate stream', { name: 'a', data: LONG, lies: { method: 8 } }, /cannot be inflated beyond byte \d+ of 3000000/],
  ];
  for (const [how, input, message] of [...reading, ...large]) {
    it(`with a member that ${how} is refused when it is read, each time`, async () => {
      const member = await memberOf([input], 'a');
      for (let time = 0; time < 2; time++) {
        const error = await refusalOf(member.read(0, member.size));
        expect(error.message).toMatch(message);
        expect(error.message).toMatch(/^a\.zip: member "a": .*(copy|write it again)/);
      }
    });
  }

  it('whose file cannot be read says so in the words of the file, and is read again when it can be', async () => {
    const bytes = zipFile([{ name: 'a', data: LONG, method: 8 }]);
    const inner = memory(bytes);
    let broken = false;
    const read = (at: number, n: number) => (broken ? Promise.reject(new Error('unplugged')) : inner.read(at, n));
    const member = (await openZip({ path: 'a.zip', size: bytes.length, read })).members.get('a') as ZipMember;
    await member.read(0, 100);
    broken = true; // and again, for a failed attempt is not kept
    await expect(member.read(LONG.length - 100, 100)).rejects.toThrow('unplugged');
    await expect(member.read(LONG.length - 100, 100)).rejects.toThrow('unplugged');
    broken = false;
    expect(await member.read(LONG.length - 100, 100)).toEqual(LONG.slice(-100));
  });
});
