/** kill -9 at a call to Cloudflare, and the life of an enforcement with one such death in it. */
import type { Wanted } from '../../worker/cloudflare/enforcement.ts';
import type { Scene } from './scene.ts';

export type Moment = 'before it is sent' | 'after it was done';

/** Dies at the `at`th call from now (of this method): what waits for its answer waits for ever, as a dead process does. */
export function dieAt(on: Scene, at: number, moment: Moment, method?: string): Promise<'dead'> {
  let calls = 0;
  return new Promise((resolve) => {
    on.line.fetch = async (url, init) => {
      if (method === undefined || init.method === method) calls += 1;
      if (calls !== at) return fetch(url, init);
      if (moment === 'after it was done') await (await fetch(url, init)).arrayBuffer();
      on.line.fetch = (nextUrl, nextInit) => fetch(nextUrl, nextInit);
      resolve('dead');
      return new Promise(() => undefined);
    };
  });
}

/** The whole story, with one death in it; false if it was over before. */
export async function live(
  on: Scene,
  story: readonly (readonly Wanted[])[],
  at: number,
  moment: Moment,
): Promise<boolean> {
  const death = dieAt(on, at, moment);
  let died = false;
  for (const wanted of story) {
    const end = on.clock.now + 900;
    let inStep = false;
    while (!inStep) {
      if (on.clock.now > end) throw new Error(`not settled: ${JSON.stringify(on.enforcement.status(on.clock.now))}`);
      const outcome: unknown = await (died ? on.step(wanted) : Promise.race([on.step(wanted), death]));
      if (outcome === 'dead') on.restart();
      died ||= outcome === 'dead';
      inStep = outcome !== 'dead' && on.enforcement.status(on.clock.now).inStep;
    }
  }
  return died;
}
