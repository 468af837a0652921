import { Component, type ErrorInfo, type ReactNode } from 'react';
import { messageOf } from '../util/errors';

interface Props {
  /** What failed, for the message: "Run table". */
  panel: string;
  children: ReactNode;
}

/** One panel's failure stays in that panel; training, in its worker, goes on. */
export class ErrorBoundary extends Component<Props, { error?: unknown }> {
  override state: { error?: unknown } = {};

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override componentDidCatch(error: unknown, info: ErrorInfo) {
    console.error(`${this.props.panel} failed`, error, info.componentStack);
  }

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    const words = messageOf(error);
    return (
      <div className="failed-panel" role="alert">
        <p>
          <strong>{this.props.panel} failed.</strong> Training is not affected.
        </p>
        <p className="mono small">{words}</p>
        <p className="row">
          <button type="button" onClick={() => this.setState({ error: undefined })}>
            Show again
          </button>
          <button
            type="button"
            onClick={() => void navigator.clipboard?.writeText(error instanceof Error ? (error.stack ?? words) : words)}
          >
            Copy report
          </button>
        </p>
      </div>
    );
  }
}
