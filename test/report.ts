/** Says at the end of a run what was skipped and what failed, each with its reason, and closes with the line `N passed, N failed, N skipped`. */
import type { SerializedError } from 'vitest';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 };
    for (const test of tests) count[test.result().state] += 1;
    count.failed += modules.filter((module) => module.state() === 'failed' && module.errors().length > 0).length;
    for (const [reason, number] of reasons(tests)) console.log(`skipped: ${number} × ${reason}`);
    for (const failure of failures(modules, tests, unhandled)) console.log(`failed: ${failure}`);
    // a test that never reported counts as failed: it did not pass
    console.log(`${count.passed} passed, ${count.failed + count.pending} failed, ${count.skipped} skipped`);
  }
}

function reasons(tests: readonly TestCase[]): Map<string, number> {
  const counted = new Map<string, number>();
  for (const test of tests) {
    const result = test.result();
    if (result.state !== 'skipped') continue;
    const reason = `${test.module.relativeModuleId}: ${result.note ?? 'no reason given'}`;
    counted.set(reason, (counted.get(reason) ?? 0) + 1);
  }
  return counted;
}

/** How much of an error's text stands in the line of its test: the whole of it stands above, where a long log may hide it. */
const messageLength_chars = 300;

/** A line each: where, and why. */
function failures(
  modules: readonly TestModule[],
  tests: readonly TestCase[],
  unhandled: readonly SerializedError[],
): string[] {
  const line = (where: string, { message = 'no message' }: { message?: string } = {}) =>
    `${where}: ${message.replaceAll(/\s+/g, ' ').slice(0, messageLength_chars)}`;
  return [
    ...tests.flatMap((test) => {
      const { state, errors } = test.result();
      const where = `${test.module.relativeModuleId} > ${test.fullName}`;
      if (state === 'pending') return [line(where, { message: 'never ended' })];
      return state === 'failed' ? [line(where, errors[0])] : [];
    }),
    ...modules.flatMap((module) => module.errors().map((error) => line(module.relativeModuleId, error))),
    ...unhandled.map((error) => line('outside of a test', error)),
  ];
}
