/** A drawing of `util/svg.ts` as elements of the page. */
import { createElement, type ReactNode } from 'react';
import { type SvgNode, written } from '../util/svg';

const OWN_NAMES: Readonly<Record<string, string>> = { class: 'className' };
/** `text-anchor` is `textAnchor` to React. */
const propName = (name: string) => OWN_NAMES[name] ?? name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

function element({ tag, attrs, children }: SvgNode, key: number): ReactNode {
  const props = Object.fromEntries(written(attrs).map(([name, value]) => [propName(name), value]));
  return createElement(tag, { ...props, key }, ...children.map((child, i) => (typeof child === 'string' ? child : element(child, i))));
}

export const svgElements = (nodes: readonly SvgNode[]): ReactNode[] => nodes.map(element);

/** @param nodes what goes between the tags of an `<svg>` of that size. */
export function SvgDrawing({ width, height, label, nodes }: { width: number; height: number; label: string; nodes: readonly SvgNode[] }) {
  return (
    <svg width={width} height={height} role="img" aria-label={label}>
      {svgElements(nodes)}
    </svg>
  );
}
