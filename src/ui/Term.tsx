import { type ReactNode, useId, useRef } from 'react';
import { GLOSSARY, type TermId } from './glossary';

/** A number's name; pressing it opens what it means. Of spans alone, for it stands in headings and paragraphs. */
export function Term({ id, children }: { id: TermId; children?: ReactNode }) {
  const popover = useId();
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLSpanElement>(null);
  const place = () => {
    const at = button.current?.getBoundingClientRect();
    const shown = panel.current;
    if (!at || !shown) return;
    const width = Math.min(300, innerWidth - 16);
    shown.style.width = `${width}px`;
    shown.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
    shown.style.top = `${at.bottom + 120 > innerHeight ? Math.max(8, at.top - 120) : at.bottom + 6}px`;
  };
  const { name, text } = GLOSSARY[id];
  return (
    <>
      <button ref={button} type="button" className="term" popoverTarget={popover} onClick={place} title={text}>
        {children ?? name}
      </button>
      <span ref={panel} id={popover} popover="auto" className="popover">
        <strong>{name}</strong>
        <span>{text}</span>
      </span>
    </>
  );
}
