/** A scout that ends in the middle of its work. */
import { workerData } from 'node:worker_threads';
import { Ring } from '../../host-agent/regex/ring.ts';

const { memory }: { memory: SharedArrayBuffer } = workerData;
let blocks = 0;
new Ring(memory).scout(() => {
  blocks += 1;
  if (blocks === 3) process.exit();
  return 0;
});
