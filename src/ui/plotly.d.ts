/** The part of Plotly this page calls. The package carries no types of its own. */
declare module 'plotly.js-basic-dist-min' {
  export type Trace = Record<string, unknown>;
  export type Layout = Record<string, unknown>;
  export interface Figure {
    data: Trace[];
    layout: Layout;
    config?: Record<string, unknown>;
  }
  export interface PointEvent {
    points: { customdata?: unknown; pointNumber: number }[];
  }
  export interface PlotElement extends HTMLElement {
    layout: Layout;
    on(event: 'plotly_click' | 'plotly_hover' | 'plotly_unhover', listener: (event: PointEvent) => void): void;
    on(event: 'plotly_doubleclick', listener: () => void): void;
    on(event: 'plotly_relayout', listener: (changes: Record<string, unknown>) => void): void;
  }
  export interface ImageOptions {
    format: 'png' | 'svg';
    width: number;
    height: number;
    scale?: number;
  }
  export function react(element: HTMLElement, data: Trace[], layout: Layout, config?: Record<string, unknown>): Promise<PlotElement>;
  export function purge(element: HTMLElement): void;
  export function toImage(figure: Figure, options: ImageOptions): Promise<string>;
  export function downloadImage(figure: Figure, options: ImageOptions & { filename: string }): Promise<string>;
  export const Plots: { resize(element: HTMLElement): Promise<void> | undefined };
  const Plotly: {
    react: typeof react;
    purge: typeof purge;
    toImage: typeof toImage;
    downloadImage: typeof downloadImage;
    Plots: typeof Plots;
  };
  export default Plotly;
}
