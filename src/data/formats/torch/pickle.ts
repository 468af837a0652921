/**
 * Reads a pickle as data. This is an interpreter of the opcodes that `torch.save` writes (protocols 2 to 5) over the values of
 * `values.ts`; it executes nothing: names stay names, and what calls may mean is the short list in `calls.ts`.
 */
import { build, call, newObject, persistent, refusal } from './calls';
import { CALLING, FOREIGN, OP } from './opcodes';
import { DAMAGED, describe, PickleError, type Tuple, type Value } from './values';

/** Enough for 250,000 tensors; a hostile file of this size costs seconds and about a gigabyte. */
export const LIMITS = {
  bytes: 64 * 2 ** 20,
  opcodes: 8_000_000,
  containers: 2_500_000,
  memo: 4_000_000,
  marks: 1000,
  text: 16 * 2 ** 20,
  integerBytes: 64,
  nameBytes: 1024,
};

const EMPTY: Tuple = { kind: 'tuple', items: [] };

/** @throws PickleError saying what is wrong or refused. */
export function readPickle(bytes: Uint8Array, limits = LIMITS): Value {
  if (bytes.byteLength > limits.bytes)
    throw new PickleError(`has a pickle of ${bytes.byteLength} bytes; at most ${limits.bytes} are read.`);
  return new Machine(bytes, limits).run();
}

/** A key whose place in a Map nobody can choose: V8 hashes big and fractional numbers in the open, so that a file could make all collide. */
const spread = (key: Value): Value => (typeof key === 'bigint' || (typeof key === 'number' && (key | 0) !== key) ? String(key) : key);

class Machine {
  private at = 0;
  private readonly view: DataView;
  private readonly utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private readonly stack: Value[] = [];
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, Value>();
  private containers = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly limits: typeof LIMITS,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): Value {
    if (this.bytes[0] !== OP.PROTO) throw this.damaged('it does not begin with a protocol');
    for (let count = 0; ; count++) {
      if (count >= this.limits.opcodes) throw this.tooMuch(`more than ${this.limits.opcodes} instructions`);
      const opcode = this.u8();
      if (opcode === OP.STOP) return this.finish();
      // Most frequent first.
      if (!this.shuffle(opcode) && !this.number(opcode) && !this.structure(opcode) && !this.text(opcode)) this.special(opcode);
    }
  }

  private finish(): Value {
    const value = this.pop();
    if (this.stack.length > 0 || this.marks.length > 0) throw this.damaged('values are left over at its end');
    if (this.at !== this.bytes.byteLength) throw this.damaged(`${this.bytes.byteLength - this.at} bytes follow its end`);
    return value;
  }

  /** NONE, booleans, integers, floats. Each group of opcodes says whether the opcode was its own. */
  private number(opcode: number): boolean {
    switch (opcode) {
      case OP.NONE:
        return this.push(null);
      case OP.NEWTRUE:
        return this.push(true);
      case OP.NEWFALSE:
        return this.push(false);
      case OP.BININT1:
        return this.push(this.u8());
      case OP.BININT2:
        return this.push(this.view.getUint16(this.take(2), true));
      case OP.BININT:
        return this.push(this.view.getInt32(this.take(4), true));
      case OP.LONG1:
        return this.push(this.integer(this.u8()));
      case OP.LONG4:
        return this.push(this.integer(this.u32()));
      case OP.BINFLOAT:
        return this.push(this.view.getFloat64(this.take(8), false));
      default:
        return false;
    }
  }

  /** Strings, bytes and names. */
  private text(opcode: number): boolean {
    switch (opcode) {
      case OP.SHORT_BINUNICODE:
        return this.push(this.string(this.u8()));
      case OP.BINUNICODE:
        return this.push(this.string(this.u32()));
      case OP.BINUNICODE8:
        return this.push(this.string(this.u64()));
      case OP.SHORT_BINBYTES:
        return this.container({ kind: 'bytes', bytes: this.raw(this.u8()) });
      case OP.BINBYTES:
        return this.container({ kind: 'bytes', bytes: this.raw(this.u32()) });
      case OP.BINBYTES8:
      case OP.BYTEARRAY8:
        return this.container({ kind: 'bytes', bytes: this.raw(this.u64()) });
      case OP.GLOBAL:
        return this.global(this.line(), this.line());
      case OP.STACK_GLOBAL: {
        const name = this.pop();
        const module = this.pop();
        if (typeof name !== 'string' || typeof module !== 'string') throw this.damaged('a name that is no text');
        return this.global(module, name);
      }
      default:
        return false;
    }
  }

  /** Lists, tuples, dicts; sets are kept as lists. */
  private structure(opcode: number): boolean {
    switch (opcode) {
      case OP.EMPTY_LIST:
      case OP.EMPTY_SET:
        return this.container({ kind: 'list', items: [] });
      case OP.FROZENSET:
        return this.container({ kind: 'list', items: this.sinceMark() });
      case OP.EMPTY_DICT:
        return this.container({ kind: 'dict', entries: new Map() });
      case OP.EMPTY_TUPLE:
        return this.push(EMPTY);
      case OP.TUPLE:
        return this.container({ kind: 'tuple', items: this.sinceMark() });
      case OP.TUPLE1:
        return this.tuple(1);
      case OP.TUPLE2:
        return this.tuple(2);
      case OP.TUPLE3:
        return this.tuple(3);
      case OP.APPEND:
        return this.append([this.pop()]);
      case OP.APPENDS:
      case OP.ADDITEMS:
        return this.append(this.sinceMark());
      case OP.SETITEM: {
        const value = this.pop();
        return this.setItems([this.pop(), value]);
      }
      case OP.SETITEMS:
        return this.setItems(this.sinceMark());
      default:
        return false;
    }
  }

  /** Marks, copies, memo. */
  private shuffle(opcode: number): boolean {
    switch (opcode) {
      case OP.MARK:
        if (this.marks.length >= this.limits.marks) throw this.tooMuch(`nesting deeper than ${this.limits.marks} levels`);
        this.marks.push(this.stack.length);
        return true;
      case OP.POP:
        this.pop();
        return true;
      case OP.POP_MARK:
        this.sinceMark();
        return true;
      case OP.DUP:
        return this.push(this.top());
      case OP.BINPUT:
        return this.remember(this.u8());
      case OP.LONG_BINPUT:
        return this.remember(this.u32());
      case OP.MEMOIZE:
        return this.remember(this.memo.size);
      case OP.BINGET:
        return this.recall(this.u8());
      case OP.LONG_BINGET:
        return this.recall(this.u32());
      default:
        return false;
    }
  }

  /** What the protocol itself needs, and whatever asks for more than data. */
  private special(opcode: number): void {
    switch (opcode) {
      case OP.PROTO: {
        const protocol = this.u8();
        if (protocol < 2 || protocol > 5) throw this.damaged(`protocol ${protocol} (torch writes 2 to 5)`);
        return;
      }
      // FRAME: a hint for readers of streams.
      case OP.FRAME:
        if (this.u64() > this.bytes.byteLength - this.at) throw this.damaged('a frame longer than the pickle');
        return;
      case OP.REDUCE: {
        const args = this.pop();
        this.container(call(this.pop(), args));
        return;
      }
      case OP.NEWOBJ: {
        const args = this.pop();
        this.container(newObject(this.pop(), args));
        return;
      }
      case CALLING.NEWOBJ_EX:
        this.pop();
        this.pop();
        throw this.asks(this.pop());
      case OP.BUILD: {
        const state = this.pop();
        build(this.top(), state);
        return;
      }
      case OP.BINPERSID:
        this.container(persistent(this.pop()));
        return;
      case CALLING.INST:
        this.global(this.line(), this.line());
        throw this.asks(this.pop());
      case CALLING.OBJ:
        throw this.asks(this.sinceMark()[0] ?? null);
      default: {
        const name = FOREIGN.get(opcode);
        if (name) throw new PickleError(`its pickle uses the instruction ${name}, which torch.save never writes. Nothing was run.`);
        throw this.damaged(`the unknown instruction 0x${opcode.toString(16).padStart(2, '0')}`);
      }
    }
  }

  private asks(callable: Value): PickleError {
    if (typeof callable === 'object' && callable !== null && callable.kind === 'global') return refusal(callable, 'build');
    return this.damaged(`an object made of ${describe(callable)}`);
  }

  private push(value: Value): true {
    this.stack.push(value);
    return true;
  }

  private container(value: Value): true {
    if (++this.containers > this.limits.containers)
      throw this.tooMuch(`more than ${this.limits.containers} lists, tuples, dicts and tensors`);
    return this.push(value);
  }

  private global(module: string, name: string): true {
    if (module.length + name.length > this.limits.nameBytes) throw this.tooMuch(`a name of more than ${this.limits.nameBytes} characters`);
    // Python 2's name, which protocol 2 keeps.
    return this.container({ kind: 'global', name: `${module === '__builtin__' ? 'builtins' : module}.${name}` });
  }

  private pop(): Value {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) throw this.damaged('an instruction finds nothing to work on');
    return this.stack.pop() as Value;
  }

  private top(): Value {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) throw this.damaged('an instruction finds nothing to work on');
    return this.stack.at(-1) as Value;
  }

  private sinceMark(): Value[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw this.damaged('the end of something that never began');
    return this.stack.splice(mark);
  }

  private tuple(length: number): true {
    const items = Array.from({ length }, () => this.pop()).reverse();
    return this.container({ kind: 'tuple', items });
  }

  private append(values: readonly Value[]): true {
    const list = this.top();
    if (typeof list !== 'object' || list?.kind !== 'list') throw this.damaged(`something is appended to ${describe(list)}`);
    for (const value of values) list.items.push(value);
    return true;
  }

  private setItems(pairs: readonly Value[]): true {
    const dict = this.top();
    if (typeof dict !== 'object' || dict?.kind !== 'dict') throw this.damaged(`an entry is put into ${describe(dict)}`);
    if (pairs.length % 2 === 1) throw this.damaged('a key without a value');
    for (let i = 0; i < pairs.length; i += 2) {
      const key = pairs[i] as Value;
      const isHashable = typeof key !== 'object' || key === null || ['tuple', 'global', 'bytes'].includes(key.kind);
      if (!isHashable) throw this.damaged(`${describe(key)} as a key`);
      dict.entries.set(spread(key), pairs[i + 1] as Value);
    }
    return true;
  }

  private remember(index: number): true {
    this.memo.set(index, this.top());
    if (this.memo.size > this.limits.memo) throw this.tooMuch(`more than ${this.limits.memo} remembered values`);
    return true;
  }

  private recall(index: number): true {
    const value = this.memo.get(index);
    if (value === undefined) throw this.damaged(`value ${index} is asked for and was never remembered`);
    return this.push(value);
  }

  /** Position of the next `length` bytes, which are then behind. */
  private take(length: number): number {
    const at = this.at;
    if (length > this.bytes.byteLength - at) throw this.damaged(`${length} bytes are announced and ${this.bytes.byteLength - at} are left`);
    this.at += length;
    return at;
  }

  private u8(): number {
    return this.bytes[this.take(1)] as number;
  }

  private u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  /** Lengths beyond 2^53 lose digits and are refused all the same. */
  private u64(): number {
    return Number(this.view.getBigUint64(this.take(8), true));
  }

  private raw(length: number): Uint8Array {
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }

  private string(length: number): string {
    const raw = this.raw(length);
    if (length > this.limits.text) throw this.tooMuch(`a string of ${length} bytes`);
    try {
      return this.utf8.decode(raw);
    } catch {
      throw this.damaged('a string is not UTF-8');
    }
  }

  private line(): string {
    const end = this.bytes.subarray(this.at, this.at + this.limits.nameBytes).indexOf(0x0a);
    if (end < 0) throw this.damaged('a name without an end');
    const text = this.string(end);
    this.at++;
    return text;
  }

  /** Little-endian two's complement. */
  private integer(length: number): number | bigint {
    if (length > this.limits.integerBytes) throw this.tooMuch(`an integer of ${length} bytes`);
    const raw = this.raw(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(raw[i] as number);
    value = BigInt.asIntN(length * 8, value);
    const small = Number(value);
    return Number.isSafeInteger(small) ? small : value;
  }

  private damaged(what: string): PickleError {
    return new PickleError(`is damaged: byte ${this.at} of its pickle: ${what}. Nothing was run.`, DAMAGED);
  }

  private tooMuch(what: string): PickleError {
    return new PickleError(`its pickle holds ${what}, more than a file of tensors needs. Nothing was run.`);
  }
}
