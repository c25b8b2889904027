/** What goes wrong between hosts, Worker and Cloudflare: each trouble can begin and end by itself. */
import { oneOf } from '../random.ts';
import { control, startFake, startWorker } from '../world/edge.ts';
import { here } from '../world/place.ts';
import type { World } from '../world/world.ts';

export interface Trouble {
  readonly name: string;
  begin(random: () => number): Promise<void>;
  end(): Promise<void>;
}

/** The cable of a host is pulled. */
function cut(host: string): Trouble {
  const link = (state: 'up' | 'down') => here.must(['ip', 'link', 'set', `to-${host}`, state]).then(() => undefined);
  return { name: `${host} cut off`, begin: () => link('down'), end: () => link('up') };
}

function workerDown({ edge }: World): Trouble {
  return { name: 'Worker down', begin: () => edge.worker.kill('SIGKILL'), end: () => startWorker(edge) };
}

function apiDown({ edge }: World): Trouble {
  return { name: 'API down', begin: () => edge.fake.kill('SIGKILL'), end: () => startFake(edge) };
}

const answers = ['429', '500', '503', 'html-429', 'cut-before', 'cut-after'] as const;
const fates = ['failed', 'dropped', 'forgotten'] as const;

/** Not told, if the API is down altogether. */
function apiFails({ edge }: World): Trouble {
  const say = async (word: string, argument?: unknown) => {
    if (edge.fake.isRunning) await control(word, argument).catch(() => undefined);
  };
  return {
    name: 'API fails',
    begin: async (random) => {
      // without a time to wait for, a 429 is waited for half a minute and longer
      await say('fault', { kind: oneOf(random, answers), count: 50, retry_after: 1 });
      await say('nextOperations', { fates: [oneOf(random, fates)] });
    },
    end: () => say('clearFaults'),
  };
}

export function troublesOf(world: World): readonly Trouble[] {
  return [cut('host-a'), cut('host-b'), workerDown(world), apiDown(world), apiFails(world)];
}

/** Ends those that are still there. */
export async function heal(world: World, active: ReadonlySet<Trouble>): Promise<void> {
  for (const trouble of active) await trouble.end();
  if (world.edge.fake.isRunning) await control('clearFaults');
}
