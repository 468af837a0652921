import { WorkerClient } from './ui/client';
import { mount } from './ui/mount';

const worker = new Worker(new URL('./lab/worker.ts', import.meta.url), { type: 'module', name: 'lab' });
mount(document.getElementById('root') as HTMLElement, new WorkerClient(worker));
