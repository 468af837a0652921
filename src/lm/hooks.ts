/**
 * The named places of a model, as TransformerLens calls them.
 *
 * Each hook is a function of the one before it and of the residual stream, so a hook's position in this order is all
 * that a forward pass needs to know about where to stop and where to go on.
 */
import type { LmConfig } from './config';
import { familyOf } from './families';
import { STAGES, type Stage } from './families/types';

export interface Hook {
  name: string;
  layer: number;
  stage: Stage;
  /** Values per token. */
  width: number;
}

/** Values per token of each stage's hook. */
export function stageWidth(config: LmConfig, stage: Stage): number {
  if (stage === 'attn.hook_z') return config.heads * config.headDim;
  return stage === 'mlp.hook_post' ? config.dMlp : config.dModel;
}

/** Every place a forward pass comes by, in the order they are computed, whether the family offers it or not. */
export function walkOf(config: LmConfig): Hook[] {
  return Array.from({ length: config.layers }, (_, layer) =>
    STAGES.map((stage) => ({ name: `blocks.${layer}.${stage}`, layer, stage, width: stageWidth(config, stage) })),
  ).flat();
}

/** The hooks of a model, in the order they are computed: `blocks.0.attn.hook_z` first. */
export function listHooks(config: LmConfig): Hook[] {
  const { hooks } = familyOf(config);
  return walkOf(config).filter(({ stage }) => hooks.includes(stage));
}

/**
 * Index of a hook in `listHooks`.
 * @throws Error naming the hooks there are.
 */
export function hookIndex(hooks: readonly Hook[], name: string): number {
  const index = hooks.findIndex((hook) => hook.name === name);
  if (index < 0) {
    const stages = [...new Set(hooks.map(({ stage }) => stage))];
    const last = hooks.at(-1)?.layer ?? 0;
    throw new Error(`The model has no hook ${name}. It has blocks.i.${stages.join(', blocks.i.')} for i = 0 to ${last}.`);
  }
  return index;
}
