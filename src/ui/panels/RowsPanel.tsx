/** Loaded when there are rows to look at. */
import { useLab } from '../store';
import { FilterControls } from './FilterControls';
import { ProfileCard } from './ProfileCard';

export default function RowsPanel() {
  const source = useLab((s) => s.data.shards?.source);
  const revision = useLab((s) => s.data.revision ?? 0);
  return (
    <>
      {source === 'shards' && <ProfileCard revision={revision} />}
      <FilterControls />
    </>
  );
}
