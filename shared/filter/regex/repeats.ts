/** Repeats of one set of characters, in generated code. */
import type { Backtrack } from './backtrack.ts';
import { isIn, isInside } from './byte-tests.ts';
import type { Instruction } from './program.ts';
import { local } from './room.ts';

export function char(to: Backtrack, { test, count }: Instruction & { op: 'char' }): void {
  const { body } = to;
  body.get(local.at).number(count).do('add').tee(local.limit).get(local.end).do('gt').brIf('fail');
  body.loop('each');
  isIn(body, test.low);
  body.do('eqz').brIf('fail');
  body.get(local.at).number(1).do('add').tee(local.at).get(local.limit).do('lt').brIf('each').end();
  to.spend(() => body.number(count));
}

/** A repeat of one character: as far as it goes, then back step by step; or the other way round. */
export function run(to: Backtrack, pc: number, { test, max, greedy }: Instruction & { op: 'run' }): void {
  const { body } = to;
  const resume = to.caseOf(to.resumeOf(pc));
  if (!greedy) {
    to.push(resume, () => body.number(max === Infinity ? 0 : max));
    return;
  }
  body.get(local.at).set(local.from).get(local.end).set(local.limit);
  if (max !== Infinity) {
    body.get(local.at).number(max).do('add').tee(local.other).get(local.end).do('lt').if();
    body.get(local.other).set(local.limit).end();
  }
  body.block('out').loop('each').get(local.at, local.limit).do('ge').brIf('out');
  isIn(body, test.low);
  body.do('eqz').brIf('out').get(local.at).number(1).do('add').set(local.at).br('each').end().end();
  body.get(local.at, local.from).do('gt').if();
  to.push(resume, () => body.get(local.from));
  body.end();
  to.spend(() => body.get(local.at, local.from).do('sub'));
}

/** A greedy run, from a place where what follows may begin. */
export function shorter(to: Backtrack, pc: number): void {
  const { body } = to;
  body.get(local.at).number(1).do('sub').tee(local.at).set(local.from);
  body.block('out').loop('each').get(local.at, local.more).do('le').brIf('out');
  if (to.mayBegin(pc + 1)) {
    body.brIf('out').get(local.at).number(1).do('sub').set(local.at).br('each');
  }
  body.end().end();
  to.spend(() => body.get(local.from, local.at).do('sub'));
  body.get(local.at, local.more).do('gt').if();
  to.push(to.caseOf(to.resumeOf(pc)), () => body.get(local.more));
  body.end();
}

export function longer(to: Backtrack, pc: number, { test, max }: Instruction & { op: 'run' }): void {
  const { body } = to;
  body.block('out').loop('each');
  if (max !== Infinity) {
    body.get(local.more).do('eqz').brIf('fail');
    body.get(local.more).number(1).do('sub').set(local.more);
  }
  isInside(body, test.low);
  body.do('eqz').brIf('fail').get(local.at).number(1).do('add').tee(local.at);
  body.number(3).do('and').number(3).do('eq').if();
  to.spend(() => body.number(4));
  body.end();
  if (to.mayBegin(pc + 1)) body.do('eqz').brIf('each');
  body.end().end();
  to.push(to.caseOf(to.resumeOf(pc)), () => body.get(local.more));
}
