/**
 * What is loaded: activation shards, a language model, text; and what can be trained and measured with it. Files only ever add to
 * it; a bad file is reported and changes nothing.
 */

import type { ByteSource } from '../data/bytes/types';
import { type Inspection, type InspectOptions, inspectFiles } from '../data/dropped/classify';
import { modelSources } from '../data/dropped/modelFolder';
import { settleShards } from '../data/dropped/settle';
import type { FilterRequest } from '../data/rows/filter';
import { RowsInUse } from '../data/rows/filterShards';
import { type Split, splitRows } from '../data/rows/split';
import { StandIn } from '../data/rows/standIn';
import type { Gpu } from '../gpu/device';
import type { LanguageModel } from '../lm/model';
import type { EvaluationSource, Sequences } from './evaluation';
import type { ExperimentData } from './experiment';
import type { Reading } from './fileTrouble';
import { harvestData } from './harvestData';
import { limitSequences, splitSequences } from './heldOut';
import { contradicts, type HookInUse, hookInUse } from './hookInUse';
import { runInputs } from './inputs';
import type { LoadedModel } from './loadedModel';
import { measureShards } from './measuring';
import { ModelAndText } from './modelAndText';
import { modelInfo, unusableModel } from './modelInfo';
import { harvestInfo, idOf, measuredOrigin, measuredText, type Origin, shardsInfo, shardsLabel } from './origin';
import { Picks } from './picks';
import type { DataState, ModelInfo, Provenance } from './protocol';
import type { RunInputs } from './settings';
import type { LoadedText } from './textInput';
import type { Harvest } from './timeEstimate';
import { DEFAULT_HOOK, settingOf, type WorkspaceOptions } from './workspaceOptions';

export type { WorkspaceOptions } from './workspaceOptions';

export interface WorkspaceMemory {
  files: readonly ByteSource[];
  asked: FilterRequest;
  sizes: Pick<WorkspaceOptions, 'evalTokens' | 'trainTokens'>;
  with: { picks: Picks; wantedHook: string | undefined; insists: boolean; note: string | undefined; isDemo: boolean };
}

export class Workspace {
  private files: ByteSource[] = [];
  private inspection: Inspection = { reports: [], shards: [], texts: [], tokens: [], saes: [] };
  private readonly language: ModelAndText;
  private picks = new Picks();
  private wantedHook: string | undefined;
  /** The hook is taken whatever the shards say and the check finds. */
  private insists = false;
  /** What the runs in training, or the last ones, are measured on. */
  private provenance: Provenance | undefined;
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
  ) {
    this.language = new ModelAndText(gpu, () => this.options);
  }

  configure(options: Partial<WorkspaceOptions>): void {
    this.options = { ...this.options, ...options };
    this.language.forgetText();
  }

  private get loaded(): LoadedModel | undefined {
    return this.language.loaded;
  }

  private get text(): LoadedText | undefined {
    return this.language.text;
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
    return this.language.notes(this.inspection);
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
    const { files, picks, wantedHook, insists, note, isDemo, options } = this;
    const { evalTokens, trainTokens } = options;
    const sizes = { ...(evalTokens !== undefined && { evalTokens }), ...(trainTokens !== undefined && { trainTokens }) };
    return { files, asked: this.rows.asked, sizes, with: { picks, wantedHook, insists, note, isDemo } };
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
    await this.language.useTokens(source, this.inspection);
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

  /**
   * Where the rows come from, by a person's word.
   * @param insist whatever the shards say and the check finds.
   * @throws Error when the model has no such hook, it does not fit the shards, or (unless insisted on) they say that they come from another.
   */
  chooseHook(hook: string, insist = false): void {
    const { shards } = this.inspection;
    if (this.loaded) {
      const width = this.loaded.model.hookWidth(hook);
      const d = shards[0]?.facts.d;
      if (d !== undefined && width !== d)
        throw new Error(`${hook} is ${width} wide, the shards' rows are ${d} wide: they come from another hook.`);
    }
    const contradiction = insist ? undefined : contradicts(hook, shards, this.loaded?.model.hooks);
    if (contradiction !== undefined) throw new Error(contradiction);
    this.wantedHook = hook;
    this.insists = insist;
    this.provenance = undefined;
  }

  /** The hook in use is taken as it is, whatever the check finds. */
  insistOnHook(): void {
    this.insists = true;
    this.provenance = undefined;
  }

  /** @param options that hold from now on. */
  clear(options: Partial<WorkspaceOptions> = {}): void {
    this.configure(options);
    this.options.reader?.close();
    this.files = [];
    this.inspection = { reports: [], shards: [], texts: [], tokens: [], saes: [] };
    this.language.clear();
    this.picks = new Picks();
    this.standIns = [];
    this.isStale = false;
    this.changes.length = 0;
    this.revision++;
    this.rows.replace([]);
    this.rows.ask({});
    this.wantedHook = undefined;
    this.insists = false;
    this.provenance = undefined;
    this.note = undefined;
    this.isDemo = false;
  }

  destroy(): void {
    this.clear();
  }

  /** Where the rows come from, who says so, or what there is to choose from. */
  get hookInUse(): HookInUse {
    const { shards } = this.inspection;
    const hooks = this.loaded?.model.hooks;
    const { wantedHook: wanted, insists } = this;
    return hookInUse({ shards, d: shards[0]?.facts.d, hooks, wanted, insists, preferred: DEFAULT_HOOK });
  }

  get hook(): string | undefined {
    return this.hookInUse.hook;
  }

  /** What a language model computes while runs train; undefined where the rows are in files. */
  get harvest(): Harvest | undefined {
    if (this.inspection.shards.length > 0 || !this.loaded || !this.text) return undefined;
    const { n, T } = this.text.sequences;
    return { tokens: Math.min(n * T, this.setting('trainTokens')), parameters: this.loaded.model.parameters };
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
      const { gpu, loaded, hookInUse: hook, insists, text } = this;
      const evalTokens = this.setting('evalTokens');
      const { onProgress } = this.options;
      const measured = await measureShards({ gpu, loaded, hook, insists, shards, sources, split, text, evalTokens, onProgress });
      const { evaluation, provenance } = measured;
      this.provenance = provenance;
      const rowsId = await idOf([await this.rows.fingerprint(), shards.map(({ tensor, storedDtype }) => [tensor, storedDtype])]);
      this.reading = { shards, standIns: this.standIns, split };
      const data = shardsLabel(shards, this.picks.picked);
      const origin = { data, rowsId, ...(await this.originOf(evaluation, split, provenance)) };
      return { sources, d, split, evaluation, origin };
    }
    this.reading = undefined;
    const { gpu, hookInUse: hook } = this;
    const [loaded, text] = [this.loaded as LoadedModel, this.text as LoadedText];
    const { heldOut, train } = this.splitText(holdout);
    const files = this.inspection.model ? modelSources(this.inspection.model) : [];
    const [measured, cacheBytes] = [this.limited(heldOut), this.setting('cacheBytes')];
    const made = await harvestData({ gpu, loaded, hook, text, heldOut, measured, train, files, cacheBytes }, this.rows);
    const { source, split, evaluation, provenance, data, rowsId } = made;
    this.provenance = provenance;
    const origin = { data, rowsId, ...(await this.originOf(evaluation, split, provenance)) };
    return { sources: [source], d, split, evaluation, origin };
  }

  /** What was given, as the command line is told. */
  private inputs(evaluation: EvaluationSource): RunInputs {
    const { text, picks, rows, isDemo, insists, options: limits } = this;
    const { shards, model: files } = this.inspection;
    const model = evaluation.kind === 'model' && files ? { files, hook: evaluation.hook, insists, text } : undefined;
    return runInputs({ shards, picked: picks.picked, filter: rows.asked, model, limits, isDemo });
  }

  private splitText(holdout: number): ReturnType<typeof splitSequences> {
    return splitSequences((this.text as LoadedText).sequences, holdout, this.setting('trainTokens'), this.options.holdOutTokens);
  }

  private async originOf(evaluation: EvaluationSource, split: Split, provenance: Provenance): Promise<Partial<Origin>> {
    const measured = await measuredOrigin(evaluation, split, provenance, this.loaded);
    const { filter, fingerprint } = this.rows.facts();
    return { ...measured, ...(filter && { filter }), ...(fingerprint && { fingerprint }), inputs: this.inputs(evaluation) };
  }

  /** There are tokens to run a model on: a text's, or the shards' own. */
  get hasTokens(): boolean {
    const { shards } = this.inspection;
    return this.text !== undefined || (shards.length > 0 && shards.every(({ facts }) => facts.hasTokens));
  }

  /** Sequences of the loaded text, all of them, for measurements without training. */
  get sequences(): Sequences | undefined {
    return this.text?.sequences;
  }

  /** Rows there would be to train on; undefined while there are none. */
  trainRows({ holdout, seeds }: { holdout: number; seeds: readonly number[] }): number | undefined {
    return this.state(holdout, seeds[0] as number).shards?.trainRows;
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
      const label = `${this.loaded.label} ${this.hook} on ${this.text.label}`;
      state.shards = { ...harvestInfo(label, this.loaded.model.hookWidth(this.hook), heldOut, train), badRows, ...this.facts() };
    }
    if (this.text) {
      const { label, sequences } = this.text;
      const held = this.limited(first ? sequences : this.splitText(holdout).heldOut);
      state.text = { label, tokens: sequences.n * sequences.T, ...measuredText(held, this.provenance) };
    }
    return state;
  }

  private facts(): ReturnType<RowsInUse['facts']> {
    const facts = this.rows.facts();
    const filter = [facts.filter, ...this.changes].filter(Boolean).join('; ');
    return { ...facts, ...(filter && { filter }) };
  }

  private setting(name: Parameters<typeof settingOf>[1]): number {
    return settingOf(this.options, name);
  }

  /** At most `evalTokens` of the sequences. */
  private limited(sequences: Sequences): Sequences {
    return limitSequences(sequences, this.setting('evalTokens'));
  }

  private async refresh(): Promise<void> {
    this.inspection = await inspectFiles(this.files, this.picks.options);
    await settleShards(this.inspection, this.picks.options, (fraction) =>
      this.options.onProgress?.('unpacking compressed arrays', fraction),
    );
    this.standIns = this.inspection.shards.map((shard) => new StandIn(shard));
    this.rows.replace(this.inspection.shards, this.standIns);
    this.revision++;
    this.isStale = false;
    this.changes.length = 0;
    // What masks leave out is said before training; what cannot be filtered so is refused then.
    if (this.standIns.length > 0 && this.rows.asked.maxNormMedians === undefined) await this.rows.shardRows().catch(() => undefined);
    this.provenance = undefined;
    await this.language.load(this.inspection);
  }

  private modelInfo(): ModelInfo | undefined {
    const { model: files, texts } = this.inspection;
    if (!files) return undefined;
    if (!this.loaded) return unusableModel(files.folder, this.language.problem ?? 'not loaded');
    const unread = texts.length > 0 ? 'unusable' : 'none';
    const text = this.hasTokens ? 'there' : unread;
    return modelInfo({ ...this.loaded, notes: this.modelNotes }, { hook: this.hookInUse, provenance: this.provenance, text });
  }
}
