/** What to do about a .pt file that is not read, in lines that can be pasted. */
import { baseName } from '../../../util/paths';

/**
 * The file's name as it may stand inside quotes of a command; a placeholder when it holds anything a shell or Python would act on,
 * for what a stranger named a file must not run either.
 */
export function fileIn(path: string): string {
  const file = baseName(path);
  return /^[\w][\w. +-]*$/.test(file) ? file : 'FILE.pt';
}

const stem = (file: string): string => file.replace(/\.[^.]*$/, '');

/** `weights_only` makes torch refuse, too, what would run code. */
const load = (file: string): string => `torch.load('${file}', map_location='cpu', weights_only=True)`;

/** For files that hold more than tensors. */
export function saveTensors(path: string): string {
  const file = fileIn(path);
  return (
    `Where it was made, save a tensor or a dict of tensors: torch.save({'activations': acts}, '${file}'); or convert it there: ` +
    `python -c "import torch; from safetensors.torch import save_file; a = ${load(file)}; a = a if torch.is_tensor(a) else a['activations']; ` +
    `save_file({'activations': a.contiguous()}, '${stem(file)}.safetensors')"`
  );
}

/** For files in torch's format from before 1.6. */
export function saveAgain(path: string): string {
  const file = fileIn(path);
  return `Save it again with a newer torch: python -c "import torch; torch.save(${load(file)}, '${stem(file)}_zip.pt')"`;
}

/** Calls with a better answer than the general one: what they make, and how to save it instead. */
const KNOWN: readonly [RegExp, what: string, remedy: string][] = [
  [
    /^torch\._utils\._rebuild_qtensor$|^torch\.Q\w+Storage$/,
    'holds a quantised tensor',
    'Save real values: torch.save(t.dequantize(), FILE)',
  ],
  [/^torch\._utils\._rebuild_sparse\w*$/, 'holds a sparse tensor', 'Save it dense: torch.save(t.to_dense(), FILE)'],
  [
    /^torch\._utils\._rebuild_nested_tensor$|^torch\.nested\./,
    'holds a nested tensor',
    'Save a list of its tensors: torch.save(list(t.unbind()), FILE)',
  ],
  [
    /^torch\._utils\._rebuild_meta_tensor_no_storage$/,
    'holds a tensor on the meta device, which has no values',
    'Save it from the device it was computed on: torch.save(t.cpu(), FILE)',
  ],
  [
    /^torch\._utils\._rebuild_device_tensor_\w+$|^torch\._utils\._rebuild_xla/,
    'holds a device tensor',
    'Save it from the CPU: torch.save(t.cpu(), FILE)',
  ],
  [/^torch\.distributed\./, 'holds a distributed tensor', 'Save all of it: torch.save(t.full_tensor().cpu(), FILE)'],
  [/^torch\.Complex\w+Storage$/, 'holds complex numbers', 'Save real ones: torch.save(torch.view_as_real(t), FILE)'],
  [/^torch\.storage\._load_from_bytes$/, 'holds a tensor written by pickle.dump', 'Write it with torch: torch.save(t, FILE)'],
  [
    /^numpy\.(_core|core)\.(multiarray\._reconstruct|numeric\._frombuffer)$/,
    'holds a numpy array',
    'Save it as a tensor: torch.save(torch.from_numpy(a), FILE)',
  ],
  [/^transformer_lens\./, 'holds more than activations', 'Save the cache without its model: torch.save(cache.cache_dict, FILE)'],
];

/** What is known of a refused name, or undefined. */
export function knownRefusal(name: string): { what: string; remedy: string } | undefined {
  const row = KNOWN.find(([pattern]) => pattern.test(name));
  return row && { what: row[1], remedy: row[2] };
}
