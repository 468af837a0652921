/** `inspect`: what each file was recognised as, or why it was refused. Opens no GPU. */
import { inspectFiles } from '../../data/classify';
import { listFiles } from '../../data/nodeFiles';
import { readOptions, UsageError } from '../args';
import { finish, table } from '../output';

export async function inspect(args: string[]): Promise<number> {
  const { options, words } = readOptions(args, { tensor: 'text', json: 'flag' }, true);
  if (words.length === 0) throw new UsageError('give at least one file or folder');
  const tensor = options.text('tensor');
  const { reports } = await inspectFiles(await listFiles(words), tensor === undefined ? {} : { tensor });
  const files = reports.map(({ path, ok, format, rows, d, dtype, hasTokens, candidates, error }) => ({
    path,
    ok,
    ...(format === undefined ? {} : { format }),
    ...(rows === undefined ? {} : { rows }),
    ...(d === undefined ? {} : { d }),
    ...(dtype === undefined ? {} : { dtype }),
    ...(hasTokens === undefined ? {} : { has_tokens: hasTokens }),
    ...(candidates === undefined ? {} : { candidates }),
    ...(error === undefined ? {} : { error }),
  }));
  finish(options.flag('json'), { files }, () =>
    table(
      ['file', 'format', 'rows', 'd', 'dtype', 'tokens', 'finding'],
      files.map((f) => [
        f.path,
        f.format ?? '?',
        String(f.rows ?? ''),
        String(f.d ?? ''),
        f.dtype ?? '',
        f.has_tokens ? 'yes' : '',
        f.ok ? 'ok' : (f.error ?? 'refused'),
      ]),
    ),
  );
  return 0;
}
