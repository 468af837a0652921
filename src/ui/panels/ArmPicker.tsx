/** What may be added to a sweep: every architecture by family, with a line on what it does and where it is described. */
import { useId, useRef, useState } from 'react';
import { armLooks, plainArm } from '../../metrics/arms';
import type { ArchitectureId } from '../../sae/architectures';
import { byFamily } from '../../sae/architectures/families';
import { Swatch } from '../Swatch';

export function ArmPicker({ onPick }: { onPick: (arch: ArchitectureId) => void }) {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  return (
    <div className="picker">
      <button ref={button} type="button" className="link" aria-expanded={isOpen} aria-controls={id} onClick={() => setOpen(!isOpen)}>
        + Add arm
      </button>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: Escape closes it from any of its buttons. */}
      <div id={id} hidden={!isOpen} onKeyDown={(event) => event.key === 'Escape' && close()}>
        {isOpen &&
          byFamily().map(([family, entries]) => (
            <section key={family} className="family" aria-label={family}>
              <h3>{family}</h3>
              <ul>
                {entries.map(({ id: arch, title, line, source }) => {
                  const look = armLooks([plainArm(arch)]).get(arch);
                  return (
                    <li key={arch}>
                      <button
                        type="button"
                        className="pick"
                        onClick={() => {
                          setOpen(false);
                          onPick(arch);
                        }}
                      >
                        <span className="pick-name">
                          {look && <Swatch look={look} />}
                          {title}
                        </span>
                        <span className="pick-line">{line}</span>
                        <span className="muted small">{source}</span>
                      </button>
                    </li>
                  );
                })}
              </ul>
            </section>
          ))}
      </div>
    </div>
  );
}
