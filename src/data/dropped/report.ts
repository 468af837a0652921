/** What is said of each file that was dropped or named. Plain data: it travels to the page. */

/** One dropped file, or several that one reader takes together, and what they were recognised as. */
export interface FileReport {
  /** Of several files, their folder. */
  path: string;
  bytes: number;
  ok: boolean;
  /** `safetensors`, `.npy`, `model`, `tokenizer`, `text`, `config`, … */
  format?: string;
  /** Number of files, when they are several. */
  files?: number;
  rows?: number;
  d?: number;
  dtype?: string;
  hasTokens?: boolean;
  /** Some rows may be padding, and the file says which. */
  hasMask?: boolean;
  /** Rows per sequence, where rows are whole sequences. */
  sequence?: number;
  /** Where the activations were taken, when file or folder says so. */
  hookName?: string;
  /** Names of the tensors that could be the activations, when the file holds several. */
  candidates?: string[];
  /** What was assumed where the file leaves a choice, for the person to confirm. */
  assumptions?: string[];
  /** What only a person can say: whether the file's 2-byte values are bf16; whether the same rows twice are meant. */
  question?: 'words-are-bf16' | 'duplicate-rows';
  /** Says what was found and what to do. */
  error?: string;
}
