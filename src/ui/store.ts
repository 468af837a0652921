/**
 * Slow state of the page: data, session, runs, view. One immutable value per slice of the protocol; time series are in
 * MetricStore. Only the controller writes data, session and runs; components write view.
 */
import { create } from 'zustand';
import type { GpuFailure } from '../gpu/device';
import type { DataState, DeviceInfo, RunSummary, SessionState } from '../lab/protocol';
import { type ArmForm, defaultForm, type SettingKey, type SettingValues } from '../lab/settings';
import type { Pair } from '../metrics/pareto';
import type { QualityId } from '../metrics/quality';

export type Level = 'info' | 'warning' | 'error';
export interface Notice {
  id: number;
  level: Level;
  message: string;
  /** What it tells of can be taken back (undo.ts). */
  canUndo?: true;
}

export type Theme = 'auto' | 'light' | 'dark';
/** What fills the page below the header. */
export type View = 'lab' | 'benchmark';
export interface Sort {
  column: string;
  descending: boolean;
}

export interface DataSlice {
  device?: DeviceInfo;
  /** Why there is none; set when opening failed. */
  deviceProblem?: { reason?: GpuFailure; message: string };
  data: DataState;
  /** Names of what was dropped on an earlier visit and can be opened again. */
  remembered: readonly string[];
  /** The person's own files in use, in words. */
  own?: string;
  /** What the demo took the place of, in words, while it can be put back. */
  replaced?: string;
}

export interface SessionSlice {
  session: SessionState;
  notices: Notice[];
  deviceLost?: string;
  /** Type of the command whose answer is awaited, for the buttons. */
  busy?: string;
}

export interface RunsSlice {
  runs: readonly RunSummary[];
  /** Runs whose weights were saved at their end. */
  savedRuns: readonly string[];
  selectedRunId?: string;
  hoveredRunId?: string;
}

export interface ViewSlice {
  view: View;
  theme: Theme;
  cardsClosed: boolean;
  yMetric: QualityId;
  logX: boolean;
  /** By their keys. */
  hiddenArms: readonly string[];
  /** Arms that the reader compares, by their keys. */
  pair: Partial<Pair>;
  sort: Sort;
  form: SettingValues;
  demoHook: string;
}

export type LabState = DataSlice & SessionSlice & RunsSlice & ViewSlice;

export const DEMO_HOOKS = ['blocks.0.mlp.hook_post', 'blocks.0.attn.hook_z', 'blocks.0.hook_mlp_out', 'blocks.0.hook_resid_post'] as const;

export function initialState(): LabState {
  return {
    device: undefined,
    deviceProblem: undefined,
    data: { files: [] },
    remembered: [],
    own: undefined,
    replaced: undefined,
    session: { phase: 'idle', note: '' },
    notices: [],
    deviceLost: undefined,
    busy: undefined,
    runs: [],
    savedRuns: [],
    selectedRunId: undefined,
    hoveredRunId: undefined,
    view: 'lab',
    theme: 'auto',
    cardsClosed: false,
    yMetric: 'recovered',
    logX: true,
    hiddenArms: [],
    pair: {},
    sort: { column: 'name', descending: false },
    form: defaultForm(),
    demoHook: DEMO_HOOKS[0],
  };
}

export const useLab = create<LabState>()(initialState);

const MOST_NOTICES = 4;
let lastNotice = 0;

/** Repeats of the same words replace each other; the oldest makes room for the newest. @returns its id. */
export function addNotice(level: Level, message: string, more: Pick<Notice, 'canUndo'> = {}): number {
  const id = ++lastNotice;
  useLab.setState((s) => ({
    notices: [...s.notices.filter((n) => n.message !== message), { id, level, message, ...more }].slice(-MOST_NOTICES),
  }));
  return id;
}

export function dismissNotice(id: number): void {
  useLab.setState((s) => ({ notices: s.notices.filter((n) => n.id !== id) }));
}

export function setField(key: SettingKey, text: string): void {
  useLab.setState((s) => ({ form: { ...s.form, [key]: text } }));
}

export function setArms(change: (arms: readonly ArmForm[]) => readonly ArmForm[]): void {
  useLab.setState((s) => ({ form: { ...s.form, arms: change(s.form.arms) } }));
}

export function selectRun(id: string | undefined): void {
  useLab.setState({ selectedRunId: id });
}

export function hoverRun(id: string | undefined): void {
  if (useLab.getState().hoveredRunId !== id) useLab.setState({ hoveredRunId: id });
}

/** True before there is anything of the person's own: no data, no runs, nothing going on. */
export const isEmpty = (s: LabState) =>
  !s.data.shards && s.data.files.length === 0 && !s.data.model && s.runs.length === 0 && s.session.phase === 'idle';

/** Whether there are runs, or are about to be: from the click on, so that the page takes its form at once and not seconds later. */
export const isUnderWay = (s: LabState): boolean =>
  s.runs.length > 0 || s.busy === 'demo' || s.busy === 'start' || s.session.phase === 'preparing';

/** Whether a run has steps to come. */
export const isOpen = ({ state }: RunSummary): boolean => state === 'queued' || state === 'training' || state === 'paused';

export const isLive = (s: LabState) => s.session.phase === 'training' || s.session.phase === 'paused' || s.session.phase === 'preparing';
