import { describe, expect, test } from 'vitest';
import { LIMITS, readPickle } from '../../../../src/data/formats/torch/pickle';
import { PickleError, type Value } from '../../../../src/data/formats/torch/values';
import { findTensors } from '../../../../src/data/formats/torch/walk';
import { processorMs } from '../../../time';
import { bytesOf, P, storage, tensor, tensorArgs, u32, u64 } from './torchWrite';

const of = (value: Uint8Array): Value => readPickle(P.file(value));

/** The message of a refusal; anything but a PickleError fails. */
function refusal(work: () => unknown): string {
  try {
    work();
  } catch (cause) {
    expect(cause).toBeInstanceOf(PickleError);
    return (cause as PickleError).message;
  }
  throw new Error('was not refused');
}
const refused = (value: Uint8Array): string => refusal(() => of(value));
const repeat = (piece: Uint8Array | number, times: number): Uint8Array => {
  const bytes = bytesOf(piece);
  const out = new Uint8Array(bytes.length * times);
  for (let i = 0; i < times; i++) out.set(bytes, i * bytes.length);
  return out;
};
/** Joins large pieces. */
const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

describe('values', () => {
  test.each<[string, Uint8Array, Value]>([
    ['None', P.none, null],
    ['True', P.yes, true],
    ['a negative int', P.int(-3), -3],
    ['a two-byte int', bytesOf('M', 0xff, 0xff), 65535],
    ['an int beyond 2^53', P.long(2n ** 60n), 2n ** 60n],
    ['a long that is small', P.long(-5n), -5],
    ['a long of no bytes', bytesOf(0x8a, 0), 0],
    ['LONG4', bytesOf(0x8b, u32(2), 0, 0x80), -32768],
    ['a float', P.float(-0.1), -0.1],
    ['text', P.text('αβ'), 'αβ'],
    ['short text', bytesOf(0x8c, 2, 'ab'), 'ab'],
    ['BINUNICODE8', bytesOf(0x8d, u64(2n), 'ab'), 'ab'],
    ['bytes', P.bytes(Uint8Array.of(0, 255)), { kind: 'bytes', bytes: Uint8Array.of(0, 255) }],
    ['a tuple of three', bytesOf(P.int(1), P.int(2), P.int(3), 0x87), { kind: 'tuple', items: [1, 2, 3] }],
    ['a list in a list', P.list(P.list()), { kind: 'list', items: [{ kind: 'list', items: [] }] }],
    ['what was dropped', bytesOf(P.int(1), P.int(2), '0'), 1],
    ['what was marked and dropped', bytesOf(P.int(1), '(', P.int(2), '1'), 1],
    ['what was doubled', bytesOf(P.int(1), '2', 0x86), { kind: 'tuple', items: [1, 1] }],
    ['a name, inert', P.global('os', 'system'), { kind: 'global', name: 'os.system' }],
    ['a name from the stack, inert', P.stackGlobal('os', 'system'), { kind: 'global', name: 'os.system' }],
    ['torch.Size', P.call(P.global('torch', 'Size'), P.tuple(P.int(2))), { kind: 'tuple', items: [2] }],
  ])('%s', (_, bytes, value) => {
    expect(of(bytes)).toEqual(value);
  });

  test('the memo gives back the same value, also for what holds itself', () => {
    const list = of(bytesOf(']', 'q', 7, 'h', 7, 'a'));
    expect(list).toMatchObject({ kind: 'list' });
    expect((list as { items: Value[] }).items[0]).toBe(list);
    expect(of(bytesOf(P.text('x'), 'r', u32(70000), 'j', u32(70000), 0x86))).toEqual({ kind: 'tuple', items: ['x', 'x'] });
    expect(of(bytesOf(P.text('x'), 0x94, P.text('y'), 0x94, 'h', 0, 0x87))).toEqual({ kind: 'tuple', items: ['x', 'y', 'x'] });
  });

  test('__proto__ is a key like any other', () => {
    const value = of(P.dict([P.text('__proto__'), P.dict([P.text('polluted'), P.yes])], [P.text('constructor'), P.int(1)]));
    expect(value).toMatchObject({ kind: 'dict' });
    expect([...(value as { entries: Map<Value, Value> }).entries.keys()]).toEqual(['__proto__', 'constructor']);
    expect('polluted' in {}).toBe(false);
    const state = of(bytesOf(P.call(P.global('collections', 'OrderedDict')), P.dict([P.text('__proto__'), P.dict()]), 'b'));
    expect(state).toEqual({ kind: 'dict', entries: new Map() });
  });

  test('keys that are big or fractional are kept as text, so that a file cannot choose where they fall', () => {
    const value = of(P.dict([P.float(0.5), P.int(1)], [P.long(2n ** 60n), P.int(2)], [P.int(3), P.int(3)]));
    expect([...(value as { entries: Map<Value, Value> }).entries.keys()]).toEqual(['0.5', String(2n ** 60n), 3]);
  });

  test('tensors, old and new', () => {
    const spec = { shape: [2, 3], strides: [1, 2], offset: 4, numel: 10, type: 'HalfStorage' };
    const expected = { kind: 'tensor', dtype: 'f16', offset: 4, shape: [2, 3], strides: [1, 2] };
    const args = tensorArgs(spec);
    const utils = (name: string) => P.global('torch._utils', name);
    expect(of(tensor(spec))).toMatchObject(expected);
    expect(of(P.call(utils('_rebuild_tensor'), ...args.slice(0, 4)))).toMatchObject(expected);
    expect(of(P.call(utils('_rebuild_parameter'), tensor(spec), P.yes, P.none))).toMatchObject(expected);
    expect(of(P.call(utils('_rebuild_tensor_v2'), ...args, P.dict()))).toMatchObject(expected);
    const fromType = (type: Uint8Array, inner = utils('_rebuild_tensor_v2')) =>
      P.call(P.global('torch._tensor', '_rebuild_from_type_v2'), inner, type, P.tuple(...args), P.dict([P.text('note'), P.int(1)]));
    expect(of(fromType(P.global('torch', 'Tensor')))).toMatchObject(expected);
    expect(refused(fromType(P.global('mine', 'Tensor')))).toMatch(/asks to build mine\.Tensor/);
    expect(refused(fromType(P.global('torch', 'Tensor'), P.global('os', 'system')))).toMatch(/asks to run os\.system/);
    expect(refused(P.call(utils('_rebuild_tensor_v2'), ...args, P.dict([P.text('neg'), P.yes])))).toMatch(/pending negation/);
  });
});

describe('what asks for more than data', () => {
  const evil = (callable: Uint8Array) => P.call(callable, P.text('echo pwned'));

  test.each([
    ['os', 'system'],
    ['posix', 'system'],
    ['builtins', 'eval'],
    ['builtins', 'getattr'],
    ['__builtin__', 'exec'],
    ['subprocess', 'Popen'],
    ['torch.hub', 'load'],
    ['torch', 'load'],
    ['torch.utils.cpp_extension', 'load_inline'],
    ['numpy', 'load'],
    ['collections', 'OrderedDict.fromkeys'],
    ['torch._utils', '_rebuild_tensor_v2.__globals__'],
    ['constructor', 'constructor'],
    ['__proto__', 'toString'],
    ['', 'toString'],
  ])('%s.%s is named and not run, whichever instruction asks', (module, name) => {
    const full = `${module === '__builtin__' ? 'builtins' : module}.${name}`.replaceAll('.', '\\.');
    const asks = new RegExp(`asks to (run|build) ${full}, which no tensor needs\\. Nothing was run\\.`);
    const symbol = P.global(module, name);
    expect(refused(evil(symbol))).toMatch(asks);
    expect(refused(evil(P.stackGlobal(module, name)))).toMatch(asks);
    expect(refused(bytesOf(symbol, ')', 0x81))).toMatch(asks);
    expect(refused(bytesOf(symbol, ')', '}', 0x92))).toMatch(asks);
    expect(refused(bytesOf('(', symbol, 'o'))).toMatch(asks);
    expect(refused(bytesOf('(', P.text('x'), 'i', module, '\n', name, '\n'))).toMatch(asks);
    // In the middle of a harmless file.
    expect(refused(P.dict([P.text('a'), tensor({ shape: [2] })], [P.text('b'), evil(symbol)]))).toMatch(asks);
    // BUILD onto a bare name, which Python would do to the function itself.
    expect(refused(bytesOf(symbol, P.dict(), 'b'))).toMatch(/asks to set the state of/);
  });

  test.each([
    ['P0\n', 'PERSID'],
    ['\x82', 'EXT1'],
    ['\x83', 'EXT2'],
    ['\x84', 'EXT4'],
    ['\x97', 'NEXT_BUFFER'],
    ['\x98', 'READONLY_BUFFER'],
    ['I1\n', 'INT'],
    ["S'a'\n", 'STRING'],
    ['Va\n', 'UNICODE'],
    ['L1L\n', 'LONG'],
    ['F1\n', 'FLOAT'],
    ['T', 'BINSTRING'],
    ['U', 'SHORT_BINSTRING'],
    ['(d', 'DICT'],
    ['(l', 'LIST'],
    ['g0\n', 'GET'],
    ['Np0\n', 'PUT'],
  ])('the instruction %j is refused by its name', (text, name) => {
    const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
    expect(refused(bytes)).toMatch(new RegExp(`uses the instruction ${name}, which torch\\.save never writes\\. Nothing was run`));
  });

  test('every byte that is no instruction is refused', () => {
    const known = 'P0I1STUVLFdlgpGNKMJBCX]})(t012aesuqrhjcibRoQ.';
    for (let opcode = 0; opcode < 256; opcode++) {
      if (known.includes(String.fromCharCode(opcode)) || (opcode >= 0x80 && opcode <= 0x98)) continue;
      expect(refused(bytesOf(opcode))).toMatch(/unknown instruction 0x/);
    }
  });

  test.each([
    ['torch._utils', '_rebuild_qtensor', 'holds a quantised tensor', 't.dequantize()'],
    ['torch._utils', '_rebuild_sparse_tensor', 'holds a sparse tensor', 't.to_dense()'],
    ['torch._utils', '_rebuild_sparse_csr_tensor', 'holds a sparse tensor', 't.to_dense()'],
    ['torch._utils', '_rebuild_nested_tensor', 'holds a nested tensor', 't.unbind()'],
    ['torch._utils', '_rebuild_meta_tensor_no_storage', 'holds a tensor on the meta device', 't.cpu()'],
    ['torch.storage', '_load_from_bytes', 'holds a tensor written by pickle.dump', 'torch.save(t, FILE)'],
    ['numpy._core.multiarray', '_reconstruct', 'holds a numpy array', 'torch.from_numpy(a)'],
    ['torch.distributed.tensor', 'DTensor', 'holds a distributed tensor', 't.full_tensor()'],
  ])('%s.%s is refused by what it is', (module, name, what, remedy) => {
    const work = () => of(P.call(P.global(module, name)));
    const message = refusal(work);
    expect(message.startsWith(`${what}`)).toBe(true);
    expect(message).toContain(`asks to run ${module}.${name}. Nothing was run.`);
    expect(work).toThrow(expect.objectContaining({ remedy: expect.stringContaining(remedy) }));
  });

  test('storages of quantised and complex values are refused by name', () => {
    expect(refused(storage('0', 4, 'QInt8Storage'))).toMatch(/holds a quantised tensor/);
    expect(refused(storage('0', 4, 'ComplexFloatStorage'))).toMatch(/holds complex numbers/);
    expect(refused(storage('0', 4, 'OtherStorage'))).toMatch(/asks to build torch\.OtherStorage/);
  });

  test('persistent ids are storages and nothing else', () => {
    const finding = /refers to something outside that is no \('storage', type, key, location, size\)/;
    const float = P.global('torch', 'FloatStorage');
    expect(refused(bytesOf(P.text('x'), 'Q'))).toMatch(finding);
    expect(refused(bytesOf(P.tuple(P.text('module'), float, P.text('0'), P.text('cpu'), P.int(1)), 'Q'))).toMatch(finding);
    expect(refused(bytesOf(P.tuple(P.text('storage'), P.text('FloatStorage'), P.text('0'), P.text('cpu'), P.int(1)), 'Q'))).toMatch(
      finding,
    );
    expect(refused(bytesOf(P.tuple(P.text('storage'), float, P.text('0'), P.text('cpu'), P.int(-1)), 'Q'))).toMatch(finding);
    expect(refused(bytesOf(P.tuple(P.text('storage'), float, P.text('0'), P.text('cpu')), 'Q'))).toMatch(finding);
  });

  test('listed calls with other arguments than torch gives are refused', () => {
    const utils = (name: string) => P.global('torch._utils', name);
    for (const value of [
      P.call(utils('_rebuild_tensor_v2')),
      P.call(utils('_rebuild_tensor_v2'), P.text('x'), P.int(0), P.tuple(), P.tuple()),
      P.call(utils('_rebuild_tensor_v2'), storage('0', 4), P.float(0.5), P.tuple(), P.tuple()),
      P.call(utils('_rebuild_tensor_v2'), storage('0', 4), P.int(0), P.list(P.int(4)), P.tuple(P.int(1))),
      P.call(utils('_rebuild_tensor_v2'), storage('0', 4), P.int(0), P.tuple(P.long(2n ** 60n)), P.tuple(P.int(1))),
      P.call(utils('_rebuild_tensor_v2'), storage('0', 4), P.int(0), repeatedTuple(17), repeatedTuple(17)),
      P.call(utils('_rebuild_tensor_v2'), storage('0', 4, 'UntypedStorage'), P.int(0), P.tuple(), P.tuple()),
      bytesOf(utils('_rebuild_tensor_v2'), P.text('x'), 'R'),
      P.call(utils('_rebuild_parameter'), P.text('x')),
      P.call(P.global('collections', 'OrderedDict'), P.list()),
      P.call(P.global('collections', 'defaultdict'), P.list()),
      P.call(P.global('_codecs', 'encode'), P.text('x'), P.text('rot13')),
      P.call(P.global('numpy', 'dtype'), P.text('O8'), P.no, P.yes),
      P.call(P.global('torch', 'Size'), P.text('x')),
      P.call(P.text('os.system'), P.text('x')),
      bytesOf(P.call(P.global('collections', 'OrderedDict')), P.text('x'), 'b'),
      bytesOf(tensor({ shape: [2] }), P.dict(), 'b'),
    ]) {
      expect(refused(value)).toMatch(/its pickle (calls|asks)|holds a numpy value/);
    }
  });
  const repeatedTuple = (length: number) => P.tuple(...Array.from({ length }, () => P.int(1)));

  test('a name cannot smuggle anything into the message', () => {
    const message = refused(evil(P.global('os\u001b[2J\u202e', `system${'m'.repeat(500)}`)));
    expect(message).toMatch(/asks to run os�\[2J�\.systemm+…, which/);
    expect(message.length).toBeLessThan(200);
  });
});

describe('bombs', () => {
  test.each<[string, () => Uint8Array, RegExp]>([
    ['marks', () => bytesOf(repeat(0x28, LIMITS.marks + 1)), /nesting deeper than 1000/],
    ['LONG4', () => bytesOf(0x8b, u32(0x7fffffff), 1), /2147483647 bytes|an integer of/],
    ['LONG4 of negative length', () => bytesOf(0x8b, u32(0xffffffff), 1), /an integer of 4294967295 bytes/],
    ['a long integer', () => bytesOf(0x8b, u32(65), repeat(1, 65)), /an integer of 65 bytes/],
    ['BINUNICODE', () => bytesOf('X', u32(0xffffffff), 'a'), /4294967295 bytes are announced and 2 are left/],
    ['BINUNICODE8', () => bytesOf(0x8d, u64(2n ** 64n - 1n), 'a'), /18446744073709552000 bytes are announced and 2 are left/],
    ['BINBYTES8', () => bytesOf(0x8e, u64(2n ** 53n + 1n), 'a'), /bytes are announced and 2 are left/],
    ['BYTEARRAY8', () => bytesOf(0x96, u64(2n ** 63n), 'a'), /bytes are announced and 2 are left/],
    ['FRAME', () => bytesOf(0x95, u64(2n ** 63n), 'N'), /a frame longer than the pickle/],
    ['a long string', () => join(bytesOf('X', u32(LIMITS.text + 1)), new Uint8Array(LIMITS.text + 1)), /a string of 16777217 bytes/],
    ['a long name', () => bytesOf('c', repeat(0x61, LIMITS.nameBytes), '\n', 'x\n'), /a name without an end/],
    ['a long name on the stack', () => P.stackGlobal('a'.repeat(2000), 'b'), /a name of more than 1024/],
    ['a memo entry far away', () => bytesOf('N', 'r', u32(0xffffffff), 'j', u32(0xfffffffe)), /value 4294967294 is asked for/],
  ])('%s', (_, make, finding) => {
    const began = processorMs();
    expect(refusal(() => readPickle(join(bytesOf(0x80, 2), make(), bytesOf('.'))))).toMatch(finding);
    expect(processorMs() - began).toBeLessThan(20_000);
  });

  test.each<[string, Partial<typeof LIMITS>, Uint8Array, RegExp]>([
    ['the memo', { memo: 1000 }, repeat(bytesOf('N', 0x94, '0'), 1001), /more than 1000 remembered values/],
    ['instructions', { opcodes: 2001 }, repeat(bytesOf('N', '0'), 1001), /more than 2001 instructions/],
    ['lists', { containers: 1000 }, repeat(0x5d, 1001), /more than 1000 lists/],
    ['dicts', { containers: 1000 }, repeat(0x7d, 1001), /more than 1000 lists/],
    ['sets', { containers: 1000 }, repeat(0x8f, 1001), /more than 1000 lists/],
    ['tuples', { containers: 1000 }, repeat(bytesOf(')', 0x85), 1001), /more than 1000 lists/],
    ['names', { containers: 1000 }, repeat(bytesOf('c\n\n'), 1001), /more than 1000 lists/],
    ['bytes', { containers: 1000 }, repeat(bytesOf('C', 0), 1001), /more than 1000 lists/],
  ])('%s are counted', (_, limits, bytes, finding) => {
    expect(refusal(() => readPickle(join(bytesOf(0x80, 2), bytes, bytesOf('.')), { ...LIMITS, ...limits }))).toMatch(finding);
  });

  test('a pickle over the limit is not looked into', () => {
    expect(refusal(() => readPickle(new Uint8Array(LIMITS.bytes + 1)))).toMatch(/has a pickle of 67108865 bytes/);
  });

  test('depth: a hundred thousand lists in each other are read, and refused as contents', () => {
    const nested = readPickle(join(bytesOf(0x80, 2), repeat(0x5d, 100_000), repeat(0x61, 99_999), bytesOf('.')));
    expect(refusal(() => findTensors(nested))).toMatch(/nested deeper than 64 levels/);
    const tuples = readPickle(join(bytesOf(0x80, 2, ')'), repeat(0x85, 100_000), bytesOf('.')));
    expect(refusal(() => findTensors(tuples))).toMatch(/nested deeper than 64 levels/);
  });

  test('a list that holds itself, and lists that hold each other twice over and over, come to an end', () => {
    expect(refusal(() => findTensors(of(bytesOf(']', 'q', 0, 'h', 0, 'a'))))).toMatch(/or holds itself/);
    // 2^60 values out of 60 lists.
    const doubled = Array.from({ length: 60 }, (_, i) => bytesOf(']', 'q', i + 1, '(', 'h', i, 'h', i, 'e', '0', 'h', i + 1));
    const laughs = bytesOf(P.list(P.none), 'q', 0, ...doubled.map((piece) => bytesOf('0', piece)));
    expect(refusal(() => findTensors(of(laughs)))).toMatch(/more than 10000000 values/);
  });

  test('a list that set() is asked to copy a hundred thousand times is not copied', () => {
    const list = join(bytesOf(']q\x00('), repeat(0x4e, 300_000), bytesOf('e'));
    const set = bytesOf(P.global('builtins', 'set'), 'q', 1, '0');
    const copies = repeat(bytesOf('h', 1, 'h', 0, 0x85, 'R', '0'), 100_000);
    const began = processorMs();
    expect((readPickle(join(bytesOf(0x80, 2), list, set, copies, bytesOf('.'))) as { items: Value[] }).items).toHaveLength(300_000);
    expect(processorMs() - began).toBeLessThan(20_000);
  });

  test('a long list that a list holds a hundred thousand times is not looked through each time', () => {
    const long = join(bytesOf(']q\x00('), repeat(0x4e, 100_000), bytesOf('e0'));
    const shared = readPickle(join(bytesOf(0x80, 2), long, bytesOf(']('), repeat(bytesOf('h', 0), 100_000), bytesOf('e.')));
    expect(refusal(() => findTensors(shared))).toMatch(/more than 10000000 values/);
  });

  test('encode() of a long text does not become bytes each time', () => {
    const text = bytesOf(P.call(P.global('_codecs', 'encode'), P.text('x'.repeat(100_000)), P.text('latin1')));
    expect(of(text)).toEqual({ kind: 'bytes', bytes: new Uint8Array(0) });
  });
});

describe('damage', () => {
  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', bytesOf(), /does not begin with a protocol/],
    ['no protocol', bytesOf('N.'), /does not begin with a protocol/],
    ['protocol 1', bytesOf(0x80, 1, 'N.'), /protocol 1/],
    ['protocol 6', bytesOf(0x80, 6, 'N.'), /protocol 6/],
    ['no end', bytesOf(0x80, 2, 'N'), /1 bytes are announced and 0 are left/],
    ['nothing at its end', bytesOf(0x80, 2, '.'), /finds nothing to work on/],
    ['two values at its end', bytesOf(0x80, 2, 'NN.'), /values are left over/],
    ['bytes behind its end', bytesOf(0x80, 2, 'N.N'), /1 bytes follow its end/],
    ['an open mark', bytesOf(0x80, 2, '(N.'), /left over/],
    ['a value taken from before the mark', bytesOf(0x80, 2, 'N(0.'), /finds nothing/],
    ['no mark', bytesOf(0x80, 2, 'Nt.'), /the end of something that never began/],
    ['append to a number', bytesOf(0x80, 2, P.int(1), 'Na.'), /appended to a number/],
    ['an entry in a list', bytesOf(0x80, 2, ']NNs.'), /put into a list/],
    ['a key without a value', bytesOf(0x80, 2, '}(Nu.'), /a key without a value/],
    ['a list as a key', bytesOf(0x80, 2, '}(]Nu.'), /a list as a key/],
    ['a value never remembered', bytesOf(0x80, 2, 'h', 3, '.'), /value 3 is asked for/],
    ['text that is not UTF-8', bytesOf(0x80, 2, 'X', u32(1), 0xff, '.'), /not UTF-8/],
    ['a name that is no text', bytesOf(0x80, 2, 'NN', 0x93, '.'), /a name that is no text/],
  ])('%s', (_, bytes, finding) => {
    expect(refusal(() => readPickle(bytes))).toMatch(finding);
  });
});
