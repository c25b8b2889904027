/** Says at the end of a run what was skipped and why, and closes with the line `N passed, N failed, N skipped`. */
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 };
    for (const test of tests) count[test.result().state] += 1;
    count.failed += modules.filter((module) => module.state() === 'failed' && module.errors().length > 0).length;
    for (const [reason, number] of reasons(tests)) console.log(`skipped: ${number} × ${reason}`);
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
