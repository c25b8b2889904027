/** `npm run fuzz -- --cases N --seed S`: compares with fail2ban at random; `--replay FILE` asks once more about a difference.
 * `--tree DIR` (any number of them): only the filters of DIR/filter.d that fail2ban does not have. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Difference, fuzzFilters, newTally, replay } from './fuzz.ts';
import { Oracle, obstacle } from './oracle.ts';
import { fuzzTrees } from './trees.ts';
import { variantsIn, variantsOf } from './variants.ts';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    differences: { type: 'string', default: '1' },
    filter: { type: 'string', default: '' },
    tree: { type: 'string', multiple: true, default: [] },
    replay: { type: 'string' },
  },
});
const checkout = process.env['F2B_CHECKOUT'] ?? '';
const reason = obstacle(checkout);
if (reason !== null) {
  console.log(`fuzz: skipped: ${reason}`);
  process.exit(0);
}
const oracle = new Oracle(checkout);
try {
  await (values.replay === undefined ? fuzz() : again(values.replay));
} finally {
  oracle.close();
}

async function fuzz(): Promise<void> {
  const all =
    values.tree.length === 0 ? variantsOf(checkout) : values.tree.flatMap((tree) => variantsIn(tree, checkout));
  const variants = all.filter(({ name }) => values.filter === '' || name === values.filter);
  const tally = newTally();
  const options = {
    cases: Number(values.cases),
    seed: Number(values.seed),
    differences_max: Number(values.differences),
  };
  // a tree costs as much as a hundred lines
  if (values.filter === '' && values.tree.length === 0)
    fuzzTrees(checkout, Math.ceil(options.cases / 50), options.seed, tally);
  await fuzzFilters(oracle, variants, options, tally);
  console.log(
    `cases ${tally.cases}, agreed ${tally.agreed}, failures among them ${tally.failures}, filters ${variants.length}`,
  );
  for (const [name, count] of tally.named) console.log(`named difference: ${name}: ${count}`);
  console.log(`differences: ${tally.differences.length + tally.trees.length}`);
  for (const tree of tally.trees) console.log(JSON.stringify(tree));
  for (const [index, difference] of tally.differences.entries()) show(difference, index);
  process.exitCode = tally.differences.length + tally.trees.length === 0 ? 0 : 1;
}

function show({ filter, sequence, ours, theirs }: Difference, index: number): void {
  const file = `fuzz-${values.seed}-${index}.json`;
  writeFileSync(file, JSON.stringify(sequence, null, 1));
  const { conf, lines, ...manner } = sequence;
  const dates = { datepattern: conf.datepattern, logtimezone: conf.logtimezone, maxlines: conf.maxlines };
  console.log(`\n${filter} ${JSON.stringify(manner)} ${JSON.stringify(dates)}; npm run fuzz -- --replay ${file}`);
  for (const line of lines) console.log(`  ${JSON.stringify(line)}`);
  console.log(`  ours   ${JSON.stringify(ours)}\n  theirs ${JSON.stringify(theirs)}`);
}

async function again(file: string): Promise<void> {
  const found = await replay(oracle, JSON.parse(readFileSync(file, 'utf8')));
  console.log(found === null ? 'both agree' : JSON.stringify(found, null, 2));
  process.exitCode = found === null ? 0 : 1;
}
