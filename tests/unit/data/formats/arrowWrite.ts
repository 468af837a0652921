/** Writes Arrow streams for the tests, right ones and wrong ones: every length and offset can be made to lie. */

type Slot = { bits: 8 | 16 | 32 | 64; value: number } | { ref: Ref } | undefined;
type Ref = { table: Slot[] } | { text: string } | { tables: Ref[] } | { longs: number[]; perItem: number };

const u8 = (value: number): Slot => ({ bits: 8, value });
const i16 = (value: number): Slot => ({ bits: 16, value });
const i32 = (value: number): Slot => ({ bits: 32, value });
const i64 = (value: number): Slot => ({ bits: 64, value });
const ref = (value: Ref): Slot => ({ ref: value });

/** A flatbuffer, laid out front to back; every slot takes 8 aligned bytes. */
function flatbuffer(root: Ref): Uint8Array {
  const bytes: number[] = [0, 0, 0, 0];
  const put = (at: number, value: number, width: number) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigInt64(0, BigInt(value), true);
    for (let i = 0; i < width; i++) bytes[at + i] = view.getUint8(i);
  };
  const padTo = (remainder: number) => {
    while (bytes.length % 8 !== remainder) bytes.push(0);
  };
  const writeTable = (slots: Slot[]): number => {
    const vtableBytes = 4 + 2 * slots.length;
    while ((bytes.length + vtableBytes) % 8 !== 4) bytes.push(0);
    const vtable = bytes.length;
    const at = vtable + vtableBytes;
    const size = 4 + 8 * slots.length;
    put(vtable, vtableBytes, 2);
    put(vtable + 2, size, 2);
    put(at, at - vtable, 4);
    for (let i = 0; i < 8 * slots.length; i++) bytes[at + 4 + i] = 0;
    for (const [i, slot] of slots.entries()) {
      put(vtable + 4 + 2 * i, slot ? 4 + 8 * i : 0, 2);
      if (slot && 'bits' in slot) put(at + 4 + 8 * i, slot.value, slot.bits / 8);
    }
    for (const [i, slot] of slots.entries()) {
      if (slot && 'ref' in slot) {
        const target = write(slot.ref);
        put(at + 4 + 8 * i, target - (at + 4 + 8 * i), 4);
      }
    }
    return at;
  };
  const write = (value: Ref): number => {
    if ('table' in value) return writeTable(value.table);
    padTo(4);
    const at = bytes.length;
    if ('text' in value) {
      const text = new TextEncoder().encode(value.text);
      put(at, text.length, 4);
      bytes.push(...text, 0);
    } else if ('longs' in value) {
      put(at, value.longs.length / value.perItem, 4);
      for (const [i, n] of value.longs.entries()) put(at + 4 + 8 * i, n, 8);
    } else {
      put(at, value.tables.length, 4);
      for (const [i] of value.tables.entries()) put(at + 4 + 4 * i, 0, 4);
      for (const [i, item] of value.tables.entries()) {
        const target = write(item);
        put(at + 4 + 4 * i, target - (at + 4 + 4 * i), 4);
      }
    }
    return at;
  };
  put(0, write(root), 4);
  padTo(0);
  return Uint8Array.from(bytes);
}

export type TestType =
  | { kind: 'f16' | 'f32' | 'f64' | 'i32' | 'i64' | 'text' }
  | { kind: 'list' | 'large'; of: TestType }
  | { kind: 'fixed'; of: TestType; size: number };

export interface TestField {
  name: string;
  type: TestType;
  metadata?: Record<string, string>;
  dictionary?: boolean;
}

const keyValues = (pairs: Record<string, string>): Ref => ({
  tables: Object.entries(pairs).map(([key, value]) => ({ table: [ref({ text: key }), ref({ text: value })] })),
});

function typeSlots(type: TestType): [id: number, table: Ref, children: TestType[]] {
  switch (type.kind) {
    case 'f16':
    case 'f32':
    case 'f64':
      return [3, { table: [i16({ f16: 0, f32: 1, f64: 2 }[type.kind])] }, []];
    case 'i32':
    case 'i64':
      return [2, { table: [i32(type.kind === 'i32' ? 32 : 64), u8(1)] }, []];
    case 'text':
      return [5, { table: [] }, []];
    case 'fixed':
      return [16, { table: [i32(type.size)] }, [type.of]];
    default:
      return [type.kind === 'list' ? 12 : 21, { table: [] }, [type.of]];
  }
}

function fieldTable({ name, type, metadata, dictionary }: TestField): Ref {
  const [id, table, children] = typeSlots(type);
  return {
    table: [
      ref({ text: name }),
      u8(1),
      u8(id),
      ref(table),
      dictionary ? ref({ table: [i64(0)] }) : undefined,
      ref({ tables: children.map((child) => fieldTable({ name: 'item', type: child })) }),
      metadata ? ref(keyValues(metadata)) : undefined,
    ],
  };
}

export interface MessageOptions {
  /** What the prefix and the header claim, where it is not the truth. */
  headerBytes?: number;
  bodyBytes?: number;
}

export function message(kind: number, header: Ref, body: Uint8Array, options: MessageOptions = {}): Uint8Array {
  const head = flatbuffer({ table: [i16(4), u8(kind), ref(header), i64(options.bodyBytes ?? body.length)] });
  const out = new Uint8Array(8 + head.length + body.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, 0xffffffff, true);
  view.setInt32(4, options.headerBytes ?? head.length, true);
  out.set(head, 8);
  out.set(body, 8 + head.length);
  return out;
}

export const schemaMessage = (fields: TestField[], { isBigEndian = false, metadata = {} as Record<string, string> } = {}): Uint8Array =>
  message(1, { table: [i16(isBigEndian ? 1 : 0), ref({ tables: fields.map(fieldTable) }), ref(keyValues(metadata))] }, new Uint8Array(0));

export interface TestBatch {
  rows: number;
  /** (length, nulls) of each array, depth first. */
  nodes: [length: number, nulls: number][];
  /** Contents of the buffers, depth first; validity bitmaps are empty ones. */
  buffers: Uint8Array[];
  /** Codec number, when the header shall claim compression. */
  codec?: number;
  kind?: number;
  /** (offset, length) of the buffers, instead of the truth. */
  places?: [number, number][];
}

export function batchMessage({ rows, nodes, buffers, codec, kind = 3, places }: TestBatch, options?: MessageOptions): Uint8Array {
  let at = 0;
  const truth = buffers.map((buffer): [number, number] => {
    const place: [number, number] = [at, buffer.length];
    at += Math.ceil(buffer.length / 8) * 8;
    return place;
  });
  const body = new Uint8Array(at);
  for (const [i, buffer] of buffers.entries()) body.set(buffer, truth[i]?.[0]);
  const table: Slot[] = [
    i64(rows),
    ref({ longs: nodes.flat(), perItem: 2 }),
    ref({ longs: (places ?? truth).flat(), perItem: 2 }),
    codec === undefined ? undefined : ref({ table: [u8(codec)] }),
  ];
  return message(kind, { table }, body, options);
}

export const END = Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0);

export const none = new Uint8Array(0);
export const bytesOf = (data: Int32Array | Float32Array | Float64Array | BigInt64Array): Uint8Array => new Uint8Array(data.buffer);
/** Offsets of full lists. */
export const offsets = (lists: number, size: number): Uint8Array => bytesOf(Int32Array.from({ length: lists + 1 }, (_, i) => i * size));

export function join(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
