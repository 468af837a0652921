/**
 * The whole of what a pickle may ask for. Each row turns arguments into plain data; nothing is looked up by name in the running
 * program, so a name that is not listed here leads nowhere.
 */
import type { StoredDtype } from '../container';
import { numpyDtype, numpyScalar, setNumpyState } from './numpyValues';
import { knownRefusal } from './remedies';
import { DAMAGED, describe, type Global, PickleError, type Storage, shown, type Tensor, type Tuple, type Value } from './values';

const STORAGES = new Map<string, StoredDtype | 'untyped'>([
  ['torch.FloatStorage', 'f32'],
  ['torch.HalfStorage', 'f16'],
  ['torch.BFloat16Storage', 'bf16'],
  ['torch.DoubleStorage', 'f64'],
  ['torch.LongStorage', 'i64'],
  ['torch.IntStorage', 'i32'],
  ['torch.ShortStorage', 'i16'],
  ['torch.CharStorage', 'i8'],
  ['torch.ByteStorage', 'u8'],
  ['torch.BoolStorage', 'bool'],
  ['torch.UntypedStorage', 'untyped'],
  ['torch.storage.UntypedStorage', 'untyped'],
]);

/** dtypes that stand beside an untyped storage; torch does so for those that never had a storage class of their own. */
const DTYPES = new Map<string, StoredDtype>([
  ['torch.float32', 'f32'],
  ['torch.float16', 'f16'],
  ['torch.bfloat16', 'bf16'],
  ['torch.float64', 'f64'],
  ['torch.float8_e4m3fn', 'f8_e4m3'],
  ['torch.float8_e5m2', 'f8_e5m2'],
  ['torch.int8', 'i8'],
  ['torch.uint8', 'u8'],
  ['torch.int16', 'i16'],
  ['torch.uint16', 'u16'],
  ['torch.int32', 'i32'],
  ['torch.uint32', 'u32'],
  ['torch.int64', 'i64'],
  ['torch.uint64', 'u64'],
  ['torch.bool', 'bool'],
]);

const TENSOR_TYPES = new Set(['torch.Tensor', 'torch.nn.parameter.Parameter', 'torch.nn.parameter.Buffer', 'torch.nn.Parameter']);
/** Classes whose objects are taken as their attributes. */
const PLAIN_CLASSES = new Set(['transformer_lens.ActivationCache.ActivationCache', 'transformer_lens.ActivationCache']);
/** torch itself allows 64. */
const MAX_AXES = 16;
/** Bytes of the longest scalar that is read. */
const MAX_SCALAR = 8;

type Args = readonly Value[];
type Call = (args: Args, name: string) => Value;

const bad = (name: string, what: string): PickleError =>
  new PickleError(`its pickle calls ${name} with ${what}. Nothing was run.`, DAMAGED);

const isObject = (value: Value | undefined): value is Exclude<Value, null | boolean | number | bigint | string> =>
  typeof value === 'object' && value !== null;

const isCount = (value: Value | undefined): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function counts(value: Value | undefined, name: string, what: string): number[] {
  if (!isObject(value) || value.kind !== 'tuple' || value.items.length > MAX_AXES || !value.items.every(isCount))
    throw bad(name, `${what} other than up to ${MAX_AXES} whole numbers >= 0`);
  return value.items as number[];
}

/** `(storage, offset, size, stride)` and what follows, of any age. */
function rebuild(args: Args, name: string, dtypeSymbol?: Value): Tensor {
  const [storage, offset] = args;
  if (!isObject(storage) || storage.kind !== 'storage') throw bad(name, `${describe(storage ?? null)} where a storage belongs`);
  if (!isCount(offset)) throw bad(name, 'a storage offset that is no whole number >= 0');
  const shape = counts(args[2], name, 'a size');
  const strides = counts(args[3], name, 'strides');
  if (shape.length !== strides.length) throw bad(name, `${shape.length} sizes and ${strides.length} strides`);
  return { kind: 'tensor', storage, dtype: dtypeOf(storage, dtypeSymbol, name), offset, shape, strides };
}

function dtypeOf(storage: Storage, symbol: Value | undefined, name: string): StoredDtype {
  if (symbol === undefined) {
    if (storage.dtype === 'untyped') throw bad(name, 'an untyped storage and no dtype');
    return storage.dtype;
  }
  const known = isObject(symbol) && symbol.kind === 'global' ? DTYPES.get(symbol.name) : undefined;
  if (known) return known;
  throw new PickleError(`holds a tensor of dtype ${describe(symbol)}, which is not read.`, 'Convert it: torch.save(t.float(), FILE)');
}

/** Marks on a tensor whose values are not what lies in the storage (`neg`, `conj`). */
function checkMarks(value: Value | undefined): void {
  if (value === undefined || value === null) return;
  if (isObject(value) && value.kind === 'dict' && value.entries.size === 0) return;
  throw new PickleError(
    'holds a tensor with a pending negation or conjugation.',
    'Save what it stands for: torch.save(t.resolve_neg().resolve_conj(), FILE)',
  );
}

const REBUILDS = new Map<string, (args: Args, name: string) => Tensor>([
  ['torch._utils._rebuild_tensor', (args, name) => rebuild(args, name)],
  [
    'torch._utils._rebuild_tensor_v2',
    (args, name) => {
      checkMarks(args[6]);
      return rebuild(args, name);
    },
  ],
  [
    'torch._utils._rebuild_tensor_v3',
    (args, name) => {
      checkMarks(args[7]);
      return rebuild(args, name, args[6] ?? null);
    },
  ],
  ['torch._utils._rebuild_parameter', parameter],
  ['torch._utils._rebuild_parameter_with_state', parameter],
]);

function parameter(args: Args, name: string): Tensor {
  const [data] = args;
  if (!isObject(data) || data.kind !== 'tensor') throw bad(name, `${describe(data ?? null)} where a tensor belongs`);
  return data;
}

/** A tensor with attributes: `(function, type, arguments, state)`. The attributes are left aside. */
function fromType([inner, type, args]: Args, name: string): Tensor {
  if (!isObject(inner) || inner.kind !== 'global' || !isObject(args) || args.kind !== 'tuple')
    throw bad(name, 'other arguments than torch writes');
  const make = REBUILDS.get(inner.name);
  if (!make) throw refusal(inner, 'run');
  if (!isObject(type) || type.kind !== 'global') throw bad(name, `${describe(type ?? null)} where a type belongs`);
  if (!TENSOR_TYPES.has(type.name)) throw refusal(type, 'build');
  return make(args.items, inner.name);
}

/** Not copied: a file could ask for a million copies of a long list. */
const listed = ([items]: Args, name: string): Value => {
  if (items === undefined) return { kind: 'list', items: [] };
  if (!isObject(items) || (items.kind !== 'list' && items.kind !== 'tuple')) throw bad(name, describe(items));
  return items;
};

const emptyDict =
  (mostArguments: number): Call =>
  (args, name) => {
    if (args.length > mostArguments || args.some((value) => value !== null && !(isObject(value) && value.kind === 'global')))
      throw bad(name, `${args.length} arguments`);
    return { kind: 'dict', entries: new Map() };
  };

const CALLS = new Map<string, Call>([
  ...REBUILDS,
  ['torch._tensor._rebuild_from_type_v2', fromType],
  ['torch._tensor._rebuild_from_type', fromType],
  ['collections.OrderedDict', emptyDict(0)],
  // The argument makes missing values; here none ever is.
  ['collections.defaultdict', emptyDict(1)],
  [
    'torch.Size',
    ([sizes], name) => ({ kind: 'tuple', items: counts(sizes ?? { kind: 'tuple', items: [] }, name, 'sizes') }) satisfies Tuple,
  ],
  [
    'torch.device',
    (args, name) => {
      if (args.length === 0 || !args.every((part) => typeof part === 'string' || isCount(part))) throw bad(name, 'no device');
      return args.join(':');
    },
  ],
  ['builtins.set', listed],
  ['builtins.frozenset', listed],
  // How protocol 2 spells bytes: text whose characters are the bytes. Only numpy's scalars are looked at.
  [
    '_codecs.encode',
    ([text, codec], name) => {
      if (typeof text !== 'string' || (codec !== 'latin1' && codec !== 'latin-1')) throw bad(name, 'another codec than latin1');
      return { kind: 'bytes', bytes: text.length <= MAX_SCALAR ? Uint8Array.from(text, (c) => c.charCodeAt(0)) : new Uint8Array(0) };
    },
  ],
  [
    'builtins.bytes',
    (args, name) => {
      if (args.length > 0) throw bad(name, 'arguments');
      return { kind: 'bytes', bytes: new Uint8Array(0) };
    },
  ],
  ['numpy.dtype', numpyDtype],
  ['numpy.core.multiarray.scalar', numpyScalar],
  ['numpy._core.multiarray.scalar', numpyScalar],
]);

/** What is said of a name that is not listed. */
export function refusal(symbol: Global, verb: 'run' | 'build'): PickleError {
  const known = knownRefusal(symbol.name);
  const asks = `asks to ${verb} ${shown(symbol.name)}`;
  if (known) return new PickleError(`${known.what}: its pickle ${asks}. Nothing was run.`, known.remedy);
  return new PickleError(`its pickle ${asks}, which no tensor needs. Nothing was run.`);
}

/** REDUCE: `callable(*args)`. */
export function call(callable: Value, args: Value): Value {
  if (!isObject(callable) || callable.kind !== 'global')
    throw new PickleError(`its pickle asks to run ${describe(callable)}. Nothing was run.`, DAMAGED);
  const make = CALLS.get(callable.name);
  if (!make) throw refusal(callable, 'run');
  if (!isObject(args) || args.kind !== 'tuple') throw bad(callable.name, `${describe(args)} for arguments`);
  return make(args.items, callable.name);
}

/** NEWOBJ: an object without anything yet. */
export function newObject(type: Value, args: Value): Value {
  if (!isObject(type) || type.kind !== 'global')
    throw new PickleError(`its pickle asks to build ${describe(type)}. Nothing was run.`, DAMAGED);
  if (!PLAIN_CLASSES.has(type.name)) throw refusal(type, 'build');
  if (!isObject(args) || args.kind !== 'tuple' || args.items.length > 0) throw bad(type.name, 'arguments');
  return { kind: 'object', className: type.name, state: undefined };
}

/** BUILD: attributes for what is on the stack. */
export function build(target: Value, state: Value): void {
  if (isObject(target) && isObject(state)) {
    // An OrderedDict's attributes are `_metadata` of a state_dict: versions of modules, of no use here.
    if (target.kind === 'dict' && state.kind === 'dict') return;
    if (target.kind === 'object' && state.kind === 'dict') {
      target.state = state;
      return;
    }
    if (target.kind === 'numpy dtype' && state.kind === 'tuple') return setNumpyState(target, state.items);
  }
  const owner = isObject(target) && target.kind === 'object' ? shown(target.className) : describe(target);
  throw new PickleError(`its pickle asks to set the state of ${owner} from ${describe(state)}. Nothing was run.`);
}

/** BINPERSID: torch keeps only storages outside the pickle. */
export function persistent(id: Value): Storage {
  const [tag, type, key, location, numel] = isObject(id) && id.kind === 'tuple' ? id.items : [];
  if (
    tag !== 'storage' ||
    !isObject(type) ||
    type.kind !== 'global' ||
    typeof key !== 'string' ||
    typeof location !== 'string' ||
    !isCount(numel)
  )
    throw new PickleError(
      "its pickle refers to something outside that is no ('storage', type, key, location, size). Nothing was run.",
      DAMAGED,
    );
  const dtype = STORAGES.get(type.name);
  if (!dtype) throw refusal(type, 'build');
  return { kind: 'storage', dtype, key, numel };
}
