/** Questions that one click answers: a preset takes the place of the list of arms. Each is a link of its own too. */
import type { MouseEvent } from 'react';
import { armsOfPreset, type Preset, presetOf, presets } from '../../lab/settings';
import { setArms, useLab } from '../store';
import { offerUndo } from '../undo';

export function Presets() {
  const arms = useLab((s) => s.form.arms);
  const now = presetOf(arms);
  const take = (event: MouseEvent, preset: Preset) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    if (preset.id === now?.id) return;
    setArms(() => armsOfPreset(preset));
    // A preset is one click away; what a person put together is not.
    if (!now && arms.length > 0) offerUndo(`${preset.title} takes the place of your arms.`, () => setArms(() => arms));
  };
  return (
    <nav className="presets" aria-label="Presets">
      <ul>
        {presets().map((preset) => (
          <li key={preset.id}>
            <a
              href={`#preset=${preset.id}`}
              title={preset.line}
              aria-current={preset.id === now?.id ? 'true' : undefined}
              onClick={(event) => take(event, preset)}
            >
              {preset.title}
            </a>
          </li>
        ))}
      </ul>
      {now && <p className="muted small">{now.line}</p>}
    </nav>
  );
}
