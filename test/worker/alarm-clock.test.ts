/** The one alarm that all of the ledger's work hangs on. */
import { expect, it } from 'vitest';
import { AlarmClock } from '../../worker/ledger/alarm-clock.ts';

const far = Date.now() / 1000 + 3_600;

function clockOn(found: number | null = null) {
  const set: number[] = [];
  const storage = {
    refuses: false,
    getAlarm: async () => found,
    setAlarm: async (at: number | Date) => {
      if (storage.refuses) throw new Error('Exceeded allowed rows written in Durable Objects free tier.');
      set.push(Number(at) / 1000);
    },
  };
  return { clock: new AlarmClock(storage), storage, set };
}

it('is set again only for an earlier time, until it rings', async () => {
  const { clock, set } = clockOn((far + 10) * 1000);
  await clock.load();
  for (const due of [far + 20, far + 5, far + 7, far]) await clock.wakeAt(due);
  clock.rings();
  await clock.wakeAt(far + 30);
  expect(set).toEqual([far + 5, far, far + 30].map((at) => expect.closeTo(at, 2)));
});

it('that could not be set is set by who comes next', async () => {
  const { clock, storage, set } = clockOn();
  storage.refuses = true;
  await expect(clock.wakeAt(far)).rejects.toThrow('rows written');
  storage.refuses = false;
  await clock.wakeAt(far + 60);
  expect(set).toHaveLength(1);
});
