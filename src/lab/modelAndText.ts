/** The language model and the text among the files: loaded when they are complete, kept while the files stay the same. */
import { type ByteSource, DataError } from '../data/bytes/types';
import type { Inspection } from '../data/dropped/classify';
import { modelSources } from '../data/dropped/modelFolder';
import type { Gpu } from '../gpu/device';
import { messageOf } from '../util/errors';
import { type LoadedModel, loadLanguageModel } from './loadedModel';
import { type LoadedText, loadTokens, loadWords } from './textInput';
import { DEFAULT_CONTEXT, settingOf, type WorkspaceOptions } from './workspaceOptions';

const keyOf = (files: readonly ByteSource[]) => files.map(({ path, size }) => [path, size]);

export class ModelAndText {
  private model: LoadedModel | undefined;
  private modelKey = '';
  private words: LoadedText | undefined;
  private textKey = '';
  private tokensFile: ByteSource | undefined;
  private tokensProblem: string | undefined;
  private why: string | undefined;

  constructor(
    private readonly gpu: Gpu,
    private readonly options: () => WorkspaceOptions,
  ) {}

  get loaded(): LoadedModel | undefined {
    return this.model;
  }

  get text(): LoadedText | undefined {
    return this.words;
  }

  /** Why a model whose files are there could not be loaded. */
  get problem(): string | undefined {
    return this.why;
  }

  /** What their files say and nothing reads, or contradict: a sentence each. */
  notes({ tokens, texts }: Inspection): readonly string[] {
    const { model, words } = this;
    if (!model) return [];
    const other = words ? [...tokens, ...texts].filter(({ path }) => path !== words.file.path) : [];
    const unused = other.map(({ path }) => path).join(', ');
    return [
      ...model.notes,
      ...(words?.note ? [words.note] : []),
      ...(words && unused !== '' ? [`One text is read, ${words.label}; not ${unused}.`] : []),
    ];
  }

  /** Loads what these files complete; what cannot be used is said in its file's report. */
  async load(inspection: Inspection): Promise<void> {
    await this.loadModel(inspection);
    await this.loadText(inspection);
  }

  /** The text is cut anew the next time. */
  forgetText(): void {
    this.textKey = '';
  }

  /** This file's token sequences, whatever else it or other files hold. @throws DataError when it holds none, or the model cannot take them. */
  async useTokens(source: ByteSource, inspection: Inspection): Promise<void> {
    this.tokensFile = source;
    this.textKey = '';
    await this.loadText(inspection);
    if (this.tokensProblem !== undefined) throw new DataError(source.path, this.tokensProblem);
  }

  clear(): void {
    this.model?.model.destroy();
    this.model = undefined;
    this.modelKey = '';
    this.words = undefined;
    this.textKey = '';
    this.tokensFile = undefined;
    this.why = undefined;
  }

  private async loadModel(inspection: Inspection): Promise<void> {
    const files = inspection.model;
    const key = files
      ? JSON.stringify([keyOf(modelSources(files)), files.config, files.adapter?.config, files.tokenizer !== undefined])
      : '';
    if (key === this.modelKey) return;
    this.model?.model.destroy();
    this.model = undefined;
    this.why = undefined;
    this.modelKey = key;
    this.textKey = '';
    if (!files) return;
    const options = this.options();
    options.onProgress?.('loading the language model', 0);
    try {
      this.model = await loadLanguageModel(this.gpu, files, settingOf(options, 'modelBatchTokens'), options.flopsPerMs);
    } catch (cause) {
      this.why = messageOf(cause);
      blame(inspection, files.weights[0]?.path, this.why);
    }
  }

  private async loadText(inspection: Inspection): Promise<void> {
    const { texts } = inspection;
    const tokens = this.tokensFile ? [this.tokensFile] : inspection.tokens;
    const key = JSON.stringify([this.modelKey, keyOf([...texts, ...tokens])]);
    if (key === this.textKey) return;
    this.textKey = key;
    this.words = undefined;
    this.tokensProblem = undefined;
    if (!this.model) return;
    const options = this.options();
    const [file] = tokens;
    const [source] = texts;
    try {
      if (file) this.words = await loadTokens(file, this.model.config);
      else if (source)
        this.words = await loadWords(source, this.model, {
          context: options.context ?? DEFAULT_CONTEXT,
          prependBos: options.prependBos ?? true,
          limit: settingOf(options, 'trainTokens') + settingOf(options, 'evalTokens'),
          onProgress: (fraction) => options.onProgress?.('turning the text into tokens', fraction),
        });
    } catch (cause) {
      const path = (file ?? source)?.path ?? '';
      const problem = messageOf(cause).replace(`${path}: `, '');
      if (file) this.tokensProblem = problem;
      blame(inspection, path, problem);
    }
  }
}

function blame({ reports }: Inspection, file: string | undefined, error: string): void {
  const report = reports.find(({ path }) => path === file);
  if (report) Object.assign(report, { ok: false, error });
}
