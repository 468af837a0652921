/**
 * Uniform structs as the WGSL declares them: names, types and order of the members are read from the text, so that host and shader cannot
 * disagree. Members are 4-byte scalars, laid out in order, and vec4<f32>s, at multiples of 16 bytes; the whole is padded to 16.
 */
export type Scalar = 'u32' | 'i32' | 'f32';

interface Member {
  name: string;
  type: Scalar | 'vec4<f32>';
  /** Bytes from the struct's beginning. */
  offset: number;
}

/** Values by member; a vec4's are four. */
export type Values<F extends string = string> = { [K in F]: number | readonly number[] };

export class Struct<F extends string = string> {
  /** Bytes, a multiple of 16. */
  readonly size: number;

  constructor(
    readonly name: string,
    readonly members: readonly Member[],
  ) {
    const last = members.at(-1);
    this.size = last ? 16 * Math.ceil((last.offset + (last.type === 'vec4<f32>' ? 16 : 4)) / 16) : 0;
  }

  /** Types by member. */
  get fields(): Record<F, string> {
    return Object.fromEntries(this.members.map(({ name, type }) => [name, type])) as Record<F, string>;
  }

  /** Bytes of one value. @throws Error when a member has no value, or a value no member. */
  readonly pack = (values: Values<F>): ArrayBuffer => {
    const data = new ArrayBuffer(this.size);
    this.packInto(data, 0, values);
    return data;
  };

  /** Writes one value at a byte offset of an existing buffer (arrays of structs). */
  packInto(target: ArrayBuffer, offset: number, values: Values<F>): void {
    const given = new Map(Object.entries<number | readonly number[]>(values));
    const view = new DataView(target, offset, this.size);
    for (const { name, type, offset: at } of this.members) {
      const value = given.get(name);
      given.delete(name);
      const four = typeof value === 'object' ? value : undefined;
      if (value === undefined || (type === 'vec4<f32>') !== (four?.length === 4))
        throw new Error(`${this.name}: ${name} : ${type} is given ${value}`);
      if (four) four.forEach((v, k) => view.setFloat32(at + 4 * k, v, true));
      else if (type === 'f32') view.setFloat32(at, value as number, true);
      else if (type === 'i32') view.setInt32(at, value as number, true);
      else view.setUint32(at, value as number, true);
    }
    if (given.size > 0)
      throw new Error(`${this.name} has no ${[...given.keys()].join(', ')} (has ${this.members.map(({ name }) => name).join(', ')})`);
  }
}

const withoutComments = (code: string): string => code.replace(/\/\/[^\n]*/g, '');

/** The struct `name` of a WGSL text. @throws Error when there is none, or a member is of a type that is not laid out here. */
export function structIn<F extends string>(code: string, name: string): Struct<F> {
  const body = new RegExp(`struct ${name}\\s*\\{([^}]*)\\}`).exec(withoutComments(code))?.[1];
  if (body === undefined) throw new Error(`no struct ${name} in the WGSL`);
  let end = 0;
  const members = [...body.matchAll(/(\w+)\s*:\s*([\w<>]+)\s*(?:,|$)/g)].map(([, member = '', type = '']): Member => {
    if (type !== 'u32' && type !== 'i32' && type !== 'f32' && type !== 'vec4<f32>')
      throw new Error(`struct ${name}: ${member} : ${type} has no layout`);
    const size = type === 'vec4<f32>' ? 16 : 4;
    const offset = Math.ceil(end / size) * size;
    end = offset + size;
    return { name: member, type, offset };
  });
  return new Struct(name, members);
}

/** A `const NAME = 8u;` of a WGSL text. @throws Error when there is none. */
export function constantIn(code: string, name: string): number {
  const value = new RegExp(`const ${name}(?:\\s*:\\s*\\w+)?\\s*=\\s*(0x[0-9a-f]+|[\\d.]+)[ufi]?\\s*;`).exec(withoutComments(code))?.[1];
  if (value === undefined) throw new Error(`no const ${name} in the WGSL`);
  return Number(value);
}
