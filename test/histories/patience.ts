/** Waits in a history's time until something holds. */
import { expectAlways } from './invariants.ts';
import type { World } from './world.ts';

/** What is set aside or was not read back may take so long: Cloudflare's state is read every ten minutes. */
const patience_s = 2_700;
export const look_s = 20;

/** Until it holds, at the latest when patience is at its end. */
export async function eventually(world: World, holds: () => void): Promise<void> {
  const { clock } = world;
  for (const until = clock.now + patience_s; ; ) {
    expectAlways(world);
    try {
      return holds();
    } catch (error) {
      if (clock.now > until) throw error;
    }
    await clock.pass(look_s);
  }
}
