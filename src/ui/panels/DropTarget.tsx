import { useEffect, useState } from 'react';
import { messageOf } from '../../util/errors';
import { useServices } from '../context';
import { collectDrop } from '../drop';
import { addNotice, useLab } from '../store';

/** The whole page takes drops; an outline shows it while files hover. */
export function DropTarget() {
  const { lab } = useServices();
  const [over, setOver] = useState(false);
  useEffect(() => {
    const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true;
    const onOver = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy';
      setOver(true);
    };
    const onLeave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const onDrop = (event: DragEvent) => {
      if (!carriesFiles(event) || !event.dataTransfer) return;
      event.preventDefault();
      setOver(false);
      // What was dropped is listed in the lab.
      useLab.setState({ view: 'lab' });
      collectDrop(event.dataTransfer).then(
        (drop) => lab.addFiles(drop),
        (error: unknown) => addNotice('error', `The drop could not be read: ${messageOf(error)}`),
      );
    };
    addEventListener('dragover', onOver);
    addEventListener('dragleave', onLeave);
    addEventListener('drop', onDrop);
    return () => {
      removeEventListener('dragover', onOver);
      removeEventListener('dragleave', onLeave);
      removeEventListener('drop', onDrop);
    };
  }, [lab]);
  return over ? (
    <div className="drop-outline" aria-hidden="true">
      <span>Drop activations, a model folder or text</span>
    </div>
  ) : null;
}
