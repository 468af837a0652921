/** The Python literals of a .npy header: dict, tuple, list, string, integer, True, False, None. Nothing else, and nothing is evaluated. */

export interface Sequence {
  kind: 'tuple' | 'list';
  items: Literal[];
}
export type Literal = string | boolean | null | bigint | Sequence | Map<string, Literal>;

/** Structured dtypes nest; anything deeper than this is no header. */
const MAX_DEPTH = 16;
/** 2^64 has 20 digits. */
const MAX_DIGITS = 20;
const CONSTANTS: [string, boolean | null][] = [
  ['True', true],
  ['False', false],
  ['None', null],
];

/** @throws SyntaxError saying what was met, and where. */
export function parseLiteral(text: string): Literal {
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

class Parser {
  private at = 0;

  constructor(private readonly text: string) {}

  value(depth: number): Literal {
    if (depth > MAX_DEPTH) throw this.error('brackets nested too deep');
    this.space();
    const c = this.text[this.at];
    if (c === '{') return this.dict(depth);
    if (c === '(') return this.sequence('tuple', ')', depth);
    if (c === '[') return this.sequence('list', ']', depth);
    if (c === "'" || c === '"') return this.string(c);
    if (c !== undefined && /[-+0-9]/.test(c)) return this.integer();
    for (const [word, value] of CONSTANTS) {
      if (this.text.startsWith(word, this.at) && !/\w/.test(this.text[this.at + word.length] ?? '')) {
        this.at += word.length;
        return value;
      }
    }
    throw this.error('no value');
  }

  end(): void {
    this.space();
    if (this.at < this.text.length) throw this.error('text behind the end');
  }

  private dict(depth: number): Map<string, Literal> {
    const entries = new Map<string, Literal>();
    this.at++;
    while (!this.take('}')) {
      const key = this.value(depth + 1);
      if (typeof key !== 'string') throw this.error('a key that is no string');
      if (entries.has(key)) throw this.error(`the key ${JSON.stringify(key)} twice`);
      if (!this.take(':')) throw this.error('no colon');
      entries.set(key, this.value(depth + 1));
      if (!this.take(',') && !this.ahead('}')) throw this.error('no comma');
    }
    return entries;
  }

  /** `(x)` is x, as in Python; `(x,)` is a tuple. */
  private sequence(kind: 'tuple' | 'list', close: string, depth: number): Literal {
    const items: Literal[] = [];
    let comma = false;
    this.at++;
    while (!this.take(close)) {
      items.push(this.value(depth + 1));
      comma = this.take(',');
      if (!comma && !this.ahead(close)) throw this.error('no comma');
    }
    return kind === 'tuple' && items.length === 1 && !comma ? (items[0] as Literal) : { kind, items };
  }

  private string(quote: string): string {
    const end = this.text.indexOf(quote, this.at + 1);
    const value = this.text.slice(this.at + 1, end);
    if (end < 0 || /[\\\n]/.test(value)) throw this.error('a string without end, or with escapes');
    this.at = end + 1;
    return value;
  }

  private integer(): bigint {
    const match = /^([-+]?\d+)L?(?![\w.])/.exec(this.text.slice(this.at, this.at + MAX_DIGITS + 3)); // L: written by Python 2
    if (!match) throw this.error('a number that is no plain integer');
    this.at += match[0].length;
    return BigInt((match[1] as string).replace('+', ''));
  }

  private ahead(c: string): boolean {
    this.space();
    return this.text[this.at] === c;
  }

  private take(c: string): boolean {
    const found = this.ahead(c);
    if (found) this.at++;
    return found;
  }

  private space(): void {
    while (/[ \t\r\n]/.test(this.text[this.at] ?? '')) this.at++;
  }

  private error(what: string): SyntaxError {
    return new SyntaxError(`${what} at ${JSON.stringify(this.text.slice(this.at, this.at + 20))}, character ${this.at}`);
  }
}
