/**
 * What is loaded: activation shards, a language model, text; and what can be trained and measured with it. Files only ever add to
 * it; a bad file is reported and changes nothing.
 */

import { type ByteSource, DataError } from '../data/bytes/types';
import { type Inspection, type InspectOptions, inspectFiles } from '../data/dropped/classify';
import { modelSources } from '../data/dropped/modelFolder';
import { CachedSource } from '../data/rows/cachedSource';
import type { FilterRequest } from '../data/rows/filter';
import { RowsInUse } from '../data/rows/filterShards';
import { type Split, splitRows } from '../data/rows/split';
import { StandIn } from '../data/rows/standIn';
import type { RowSource } from '../data/rows/types';
import type { Gpu } from '../gpu/device';
import { HarvestSource } from '../lm/harvest';
import type { LanguageModel } from '../lm/model';
import { messageOf } from '../util/errors';
import type { EvaluationSource, Sequences } from './evaluation';
import type { ExperimentData } from './experiment';
import type { Reading } from './fileTrouble';
import { limitSequences, rowsEvaluation, sequencesOfShards, splitSequences } from './heldOut';
import { runInputs } from './inputs';
import { type LoadedModel, loadLanguageModel } from './loadedModel';
import { modelInfo, unusableModel } from './modelInfo';
import { evaluationIdOf, idOf, type Origin, shardsInfo, shardsOrigin } from './origin';
import { Picks } from './picks';
import type { DataState, ModelInfo } from './protocol';
import type { RunInputs } from './settings';
import { type LoadedText, loadTokens, loadWords } from './textInput';
import { DEFAULT_CONTEXT, DEFAULT_HOOK, DEFAULTS, type WorkspaceOptions } from './workspaceOptions';

export type { WorkspaceOptions } from './workspaceOptions';

export interface WorkspaceMemory {
  files: readonly ByteSource[];
  asked: FilterRequest;
  sizes: Pick<WorkspaceOptions, 'evalTokens' | 'trainTokens'>;
  with: { picks: Picks; wantedHook: string | undefined; note: string | undefined; isDemo: boolean };
}

export class Workspace {
  private files: ByteSource[] = [];
  private inspection: Inspection = { reports: [], shards: [], texts: [], tokens: [], saes: [] };
  private loaded: LoadedModel | undefined;
  private loadedKey = '';
  private text: LoadedText | undefined;
  private textKey = '';
  private picks = new Picks();
  private wantedHook: string | undefined;
  private modelProblem: string | undefined;
  private tokensFile: ByteSource | undefined;
  private tokensProblem: string | undefined;
  private standIns: StandIn[] = [];
  private revision = 0;
  /** Files are others than were inspected. */
  private isStale = false;
  /** What the experiment in training reads; undefined where its rows are computed. */
  reading: Reading | undefined;
  /** What became of files while runs trained, in words. */
  readonly changes: string[] = [];
  /** The rows of the shards, or of the model: what is left out of them, their profile, their fingerprint. */
  readonly rows = new RowsInUse();
  /** A sentence shown with the data, about reduced sizes. */
  note: string | undefined;
  /** What is loaded is the demo's. */
  isDemo = false;

  constructor(
    private readonly gpu: Gpu,
    private options: WorkspaceOptions,
  ) {}

  configure(options: Partial<WorkspaceOptions>): void {
    this.options = { ...this.options, ...options };
    this.textKey = '';
  }

  get model(): LanguageModel | undefined {
    return this.loaded?.model;
  }

  get modelLabel(): string | undefined {
    return this.loaded?.label;
  }

  /** Longest sequence that the model takes, in tokens. */
  get modelContext(): number | undefined {
    return this.loaded?.config.context;
  }

  /** What the files of the model and its text say and nothing reads, or contradict: a sentence each. */
  get modelNotes(): readonly string[] {
    const { loaded, text, inspection } = this;
    if (!loaded) return [];
    const other = text ? [...inspection.tokens, ...inspection.texts].filter(({ path }) => path !== text.file.path) : [];
    const unused = other.map(({ path }) => path).join(', ');
    return [
      ...loaded.notes,
      ...(text?.note ? [text.note] : []),
      ...(text && unused !== '' ? [`One text is read, ${text.label}; not ${unused}.`] : []),
    ];
  }

  /** All files given so far. */
  get sources(): readonly ByteSource[] {
    return this.files;
  }

  get inspected(): Inspection {
    return this.inspection;
  }

  /** Adds files to what is there (a path given again replaces the old one) and loads what they complete. */
  async add(sources: readonly ByteSource[]): Promise<void> {
    const paths = new Set(sources.map(({ path }) => path));
    this.files = [...this.files.filter(({ path }) => !paths.has(path)), ...sources];
    await this.refresh();
  }

  /** What was given and asked so far: enough for `adopt`, whatever happens to this workspace. */
  get memory(): WorkspaceMemory {
    const { files, picks, wantedHook, note, isDemo, options } = this;
    const { evalTokens, trainTokens } = options;
    const sizes = { ...(evalTokens !== undefined && { evalTokens }), ...(trainTokens !== undefined && { trainTokens }) };
    return { files, asked: this.rows.asked, sizes, with: { picks, wantedHook, note, isDemo } };
  }

  /** What another workspace, or this one before it was cleared, was given and asked, read anew. */
  async adopt({ files, asked, sizes, with: answers }: WorkspaceMemory): Promise<void> {
    this.configure(sizes);
    Object.assign(this, answers);
    this.rows.ask(asked);
    await this.add(files);
  }

  /**
   * Uses this file's token sequences, whatever else the file holds.
   * @throws DataError when it holds none, or the model cannot take them.
   */
  async useTokens(source: ByteSource): Promise<void> {
    this.tokensFile = source;
    this.textKey = '';
    await this.loadText();
    const report = this.tokensProblem;
    if (report !== undefined) throw new DataError(source.path, report);
  }

  /** How files that leave a choice are read. */
  async choose(choices: InspectOptions): Promise<void> {
    this.picks.answer(choices, this.inspection.reports);
    await this.refresh();
  }

  /**
   * Rows to leave out, in place of what was asked for before. For computed rows it is looked at when they are prepared.
   * @throws DataError when the shards cannot be filtered so; then all stays as it was.
   */
  async leaveOut(request: FilterRequest): Promise<void> {
    const before = this.rows.asked;
    this.rows.ask(request);
    try {
      if (this.standIns.length > 0) await this.rows.shardRows();
    } catch (cause) {
      this.rows.ask(before);
      throw cause;
    }
  }

  /** New files in place of old ones of the same paths, while runs train; without `sources`, a file that is given up. */
  substitute(change: string, sources: readonly ByteSource[] = []): void {
    const fresh = new Map(sources.map((source) => [source.path, source]));
    this.files = this.files.map((file) => fresh.get(file.path) ?? file);
    this.changes.push(change);
    this.isStale = true;
  }

  /** @throws Error when the model has no such hook, or it does not fit the shards. */
  chooseHook(hook: string): void {
    if (this.loaded) {
      const width = this.loaded.model.hookWidth(hook);
      const d = this.inspection.shards[0]?.facts.d;
      if (d !== undefined && width !== d)
        throw new Error(`${hook} is ${width} wide, the shards' rows are ${d} wide: they come from another hook.`);
    }
    this.wantedHook = hook;
  }

  /** @param options that hold from now on. */
  clear(options: Partial<WorkspaceOptions> = {}): void {
    this.configure(options);
    this.options.reader?.close();
    this.files = [];
    this.inspection = { reports: [], shards: [], texts: [], tokens: [], saes: [] };
    this.loaded?.model.destroy();
    this.loaded = undefined;
    this.loadedKey = '';
    this.text = undefined;
    this.textKey = '';
    this.picks = new Picks();
    this.standIns = [];
    this.isStale = false;
    this.changes.length = 0;
    this.revision++;
    this.rows.replace([]);
    this.rows.ask({});
    this.wantedHook = undefined;
    this.modelProblem = undefined;
    this.tokensFile = undefined;
    this.note = undefined;
    this.isDemo = false;
  }

  destroy(): void {
    this.clear();
  }

  /** The hook in use: the chosen one, else the default where it fits, else the first whose width fits the shards. */
  get hook(): string | undefined {
    if (!this.loaded) return this.wantedHook;
    const d = this.inspection.shards[0]?.facts.d;
    const fitting = this.loaded.model.hooks.filter(({ width }) => d === undefined || width === d).map(({ name }) => name);
    if (this.wantedHook !== undefined && fitting.includes(this.wantedHook)) return this.wantedHook;
    return fitting.includes(DEFAULT_HOOK) ? DEFAULT_HOOK : (fitting.find((name) => name.endsWith('mlp.hook_post')) ?? fitting[0]);
  }

  /** Width of the rows that would be trained on. */
  get d(): number | undefined {
    const shard = this.inspection.shards[0];
    if (shard) return shard.facts.d;
    return this.loaded && this.text && this.hook ? this.loaded.model.hookWidth(this.hook) : undefined;
  }

  /**
   * Sources, held-out split and evaluation, for an experiment.
   * @param seed of the split. @param holdout fraction held out.
   * @throws DataError or Error saying what is missing.
   */
  async prepare(seed: number, holdout: number): Promise<ExperimentData> {
    if (this.isStale) await this.refresh();
    const { shards } = this.inspection;
    const d = this.d;
    if (d === undefined) {
      throw new Error(
        this.loaded
          ? 'There is a language model but no text: drop a .txt file (or a file of token sequences), or activation shards.'
          : 'There are no activations: drop shards of them, or a language-model folder and a text.',
      );
    }
    if (shards.length > 0) {
      const split = splitRows(shards, seed, holdout);
      const remote = await this.options.reader?.open(this.files, shards);
      this.standIns.forEach((standIn, index) => remote?.[index] && standIn.readRowsFrom(remote[index]));
      const sources = await this.rows.shardRows();
      const evaluation = (await this.modelEvaluation(shards, split)) ?? rowsEvaluation(sources, split);
      const rowsId = await idOf([await this.rows.fingerprint(), shards.map(({ tensor, storedDtype }) => [tensor, storedDtype])]);
      this.reading = { shards, standIns: this.standIns, split };
      const origin = {
        ...shardsOrigin(shards, this.picks.picked),
        rowsId,
        inputs: this.inputs(evaluation),
        ...(await this.originOf(evaluation, split)),
      };
      return { sources, d, split, evaluation, origin };
    }
    this.reading = undefined;
    const { model } = this.loaded as LoadedModel;
    const hook = this.hook as string;
    const { heldOut, train } = this.splitText(holdout);
    const harvest = new HarvestSource(this.gpu, model, hook, { tokens: train.tokens, count: train.n, T: train.T }, hook);
    const source = await this.rows.computedRows(new CachedSource(harvest, this.setting('cacheBytes')));
    const { label, file } = this.text as LoadedText;
    const files = await this.rows.fingerprint([...(this.inspection.model ? modelSources(this.inspection.model) : []), file]);
    const split: Split = {
      train: [{ source: 0, start: 0, rows: source.facts.rows }],
      heldOut: [],
      trainRows: source.facts.rows,
      heldOutRows: heldOut.n * heldOut.T,
    };
    const evaluation: EvaluationSource = { kind: 'model', model, hook, sequences: this.limited(heldOut) };
    const rowsId = await idOf([files, hook, train.T, heldOut.n, train.n]);
    const inputs = this.inputs(evaluation);
    const origin = { data: `${hook} on ${label}`, rowsId, inputs, ...(await this.originOf(evaluation, split)) };
    return { sources: [source], d, split, evaluation, origin };
  }

  /** What was given, as the command line is told. */
  private inputs(evaluation: EvaluationSource): RunInputs {
    const { text, tokensFile, picks, rows, isDemo, options: limits } = this;
    const { shards, model: files, tokens } = this.inspection;
    const isTokens = text !== undefined && (text.file === tokensFile || tokens.includes(text.file));
    return runInputs({
      shards,
      picked: picks.picked,
      filter: rows.asked,
      model:
        evaluation.kind === 'model' && files ? { files, hook: evaluation.hook, text: text && { file: text.file, isTokens } } : undefined,
      limits,
      isDemo,
    });
  }

  private splitText(holdout: number): ReturnType<typeof splitSequences> {
    return splitSequences((this.text as LoadedText).sequences, holdout, this.setting('trainTokens'), this.options.holdOutTokens);
  }

  private async originOf(evaluation: EvaluationSource, split: Split): Promise<Partial<Origin>> {
    const { filter, fingerprint } = this.rows.facts();
    const evaluationId = await evaluationIdOf(evaluation, split);
    const data = { ...(filter && { filter }), ...(fingerprint && { fingerprint }), ...(evaluationId && { evaluationId }) };
    if (evaluation.kind !== 'model' || !this.loaded) return data;
    const { label, id } = this.loaded;
    return { ...data, hookName: evaluation.hook, modelName: label, modelId: id, contextSize: evaluation.sequences.T };
  }

  /** Sequences of the loaded text, all of them, for measurements without training. */
  get sequences(): Sequences | undefined {
    return this.text?.sequences;
  }

  /** @param badRows rows left out so far because they hold NaN or Inf. */
  state(holdout: number, seed: number, badRows = 0): DataState {
    const { reports, shards } = this.inspection;
    const state: DataState = { files: reports, revision: this.revision };
    if (Object.values(this.rows.asked).some((value) => value !== undefined)) state.filterRequest = this.rows.asked;
    if (this.note) state.note = this.note;
    if (this.isDemo) state.isDemo = true;
    const { picked } = this.picks;
    if (picked) state.picked = picked;
    const model = this.modelInfo();
    if (model) state.model = model;
    const first = shards[0];
    if (first) {
      state.shards = {
        ...shardsInfo(shards, splitRows(shards, seed, holdout), picked),
        badRows,
        ...this.facts(),
      };
    } else if (this.loaded && this.text && this.hook) {
      const { heldOut, train } = this.splitText(holdout);
      state.shards = {
        source: 'harvest',
        label: `${this.loaded.label} ${this.hook} on ${this.text.label}`,
        rows: (heldOut.n + train.n) * train.T,
        d: this.loaded.model.hookWidth(this.hook),
        dtype: 'f32',
        trainRows: train.n * train.T,
        heldOutRows: heldOut.n * heldOut.T,
        bytes: 0,
        badRows,
        ...this.facts(),
      };
    }
    if (this.text) {
      const { sequences } = this.text;
      const held = this.limited(first ? sequences : this.splitText(holdout).heldOut);
      state.text = { label: this.text.label, tokens: sequences.n * sequences.T, heldOutSequences: held.n, sequenceLength: sequences.T };
    }
    return state;
  }

  private facts(): ReturnType<RowsInUse['facts']> {
    const facts = this.rows.facts();
    const filter = [facts.filter, ...this.changes].filter(Boolean).join('; ');
    return { ...facts, ...(filter && { filter }) };
  }

  private setting<K extends keyof typeof DEFAULTS>(name: K): number {
    return this.options[name] ?? DEFAULTS[name];
  }

  /** At most `evalTokens` of the sequences. */
  private limited(sequences: Sequences): Sequences {
    return limitSequences(sequences, this.setting('evalTokens'));
  }

  private async refresh(): Promise<void> {
    this.inspection = await inspectFiles(this.files, this.picks.options);
    this.standIns = this.inspection.shards.map((shard) => new StandIn(shard));
    this.rows.replace(this.inspection.shards, this.standIns);
    this.revision++;
    this.isStale = false;
    this.changes.length = 0;
    // What masks leave out is said before training; what cannot be filtered so is refused then.
    if (this.standIns.length > 0 && this.rows.asked.maxNormMedians === undefined) await this.rows.shardRows().catch(() => undefined);
    await this.loadModel();
    await this.loadText();
  }

  private async loadModel(): Promise<void> {
    const files = this.inspection.model;
    const key = files
      ? JSON.stringify([
          modelSources(files).map(({ path, size }) => [path, size]),
          files.config,
          files.adapter?.config,
          files.tokenizer !== undefined,
        ])
      : '';
    if (key === this.loadedKey) return;
    this.loaded?.model.destroy();
    this.loaded = undefined;
    this.modelProblem = undefined;
    this.loadedKey = key;
    this.textKey = '';
    if (!files) return;
    this.options.onProgress?.('loading the language model', 0);
    try {
      this.loaded = await loadLanguageModel(this.gpu, files, this.setting('modelBatchTokens'), this.options.flopsPerMs);
    } catch (cause) {
      this.modelProblem = messageOf(cause);
      this.blame(files.weights[0]?.path, this.modelProblem);
    }
  }

  private blame(file: string | undefined, error: string): void {
    const report = this.inspection.reports.find(({ path }) => path === file);
    if (report) Object.assign(report, { ok: false, error });
  }

  private async loadText(): Promise<void> {
    const { texts } = this.inspection;
    const tokens = this.tokensFile ? [this.tokensFile] : this.inspection.tokens;
    const key = JSON.stringify([this.loadedKey, [...texts, ...tokens].map(({ path, size }) => [path, size])]);
    if (key === this.textKey) return;
    this.textKey = key;
    this.text = undefined;
    this.tokensProblem = undefined;
    if (!this.loaded) return;
    const { config } = this.loaded;
    const [file] = tokens;
    const [source] = texts;
    try {
      if (file) this.text = await loadTokens(file, config);
      else if (source)
        this.text = await loadWords(source, this.loaded, {
          context: this.options.context ?? DEFAULT_CONTEXT,
          prependBos: this.options.prependBos ?? true,
          limit: this.setting('trainTokens') + this.setting('evalTokens'),
          onProgress: (fraction) => this.options.onProgress?.('turning the text into tokens', fraction),
        });
    } catch (cause) {
      const path = (file ?? source)?.path ?? '';
      const problem = cause instanceof Error ? cause.message.replace(`${path}: `, '') : String(cause);
      if (file) this.tokensProblem = problem;
      this.blame(path, problem);
    }
  }

  /** With a model whose hook fits and sequences to run it on: the dropped text, else the shards' own held-out token sequences. */
  private async modelEvaluation(shards: readonly RowSource[], split: Split): Promise<EvaluationSource | undefined> {
    const hook = this.hook;
    if (!this.loaded || !hook || this.loaded.model.hookWidth(hook) !== shards[0]?.facts.d) return undefined;
    const sequences = this.text?.sequences ?? (await sequencesOfShards(shards, split, this.loaded.config, this.setting('evalTokens')));
    if (!sequences || sequences.n === 0) return undefined;
    return { kind: 'model', model: this.loaded.model, hook, sequences: this.limited(sequences) };
  }

  private modelInfo(): ModelInfo | undefined {
    const { model: files, shards, texts } = this.inspection;
    if (!files) return undefined;
    if (!this.loaded) return unusableModel(files.folder, this.modelProblem ?? 'not loaded');
    const unread = texts.length > 0 ? 'unusable' : 'none';
    const text = this.text || this.shardsHaveSequences() ? 'there' : unread;
    const { label, config, model } = this.loaded;
    return modelInfo(label, config, model, this.modelNotes, { hook: this.hook, d: shards[0]?.facts.d, text });
  }

  private shardsHaveSequences(): boolean {
    const { shards } = this.inspection;
    return shards.length > 0 && shards.every(({ facts: { sequence, hasTokens } }) => sequence > 1 && hasTokens);
  }
}
