/** Second lists of before: the Worker moves to the new one and takes its items and rules out of the old one, which goes then. */
import { dropEmptied } from './emptying.ts';
import type { Setup } from './setup-run.ts';

/** What takes longer than a person likes to wait is done by the next run. */
export async function dropFormerLists(setup: Setup): Promise<void> {
  for (const list of setup.record.former) {
    const fate = await dropEmptied(setup, list);
    if (fate === null) {
      setup.say(`   list ${list.name}: still being emptied by the Worker; run this again later, and it goes`);
      continue;
    }
    setup.keep({ former: setup.record.former.filter((each) => each !== list) });
    setup.tell('list', `${list.name} (${fate})`, 'removed');
  }
}
