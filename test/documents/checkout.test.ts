/** What the README tells who has a checkout: done as root, with folders of the system that are thrown away. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { worldVariable } from '../world/enter.ts';
import { here } from '../world/place.ts';
import { blocksOf, textOf } from './blocks.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const ownName = 'test/documents/checkout.test.ts';
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgeban-checkout-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Its own /etc/edgeban, /var and /run: nothing of the machine's is changed. */
const prologue = `
set -eu
for name in etc var; do
  mkdir -p "$1/$name/upper" "$1/$name/work"
  mount -t overlay edgeban-checkout -o "lowerdir=/$name,upperdir=$1/$name/upper,workdir=$1/$name/work" "/$name"
done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/edgeban
cd "$2"
exec bash -euo pipefail -c "$3"
`;

test('the README, from a checkout', async (context) => {
  if (process.env[worldVariable] !== 'own') context.skip('needs namespaces of its own');
  const block = blocksOf(textOf('README.md')).find((each) => each.kind === 'commands' && each.exempt === ownName);
  if (block?.kind !== 'commands') throw new Error(`README.md has no block for ${ownName}`);
  const words = ['unshare', '--mount', '--net', '--pid', '--fork', '--kill-child=KILL', '--mount-proc', 'sh', '-c'];
  const ran = await here.run([...words, prologue, 'sh', folder, checkout, block.text], { timeout_ms: 60_000 });
  expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/OK: configuration test is successful/) });
  expect(ran.stdout).toMatch(/elements = \{ 203\.0\.113\.7 timeout/);
  expect(ran.stdout).toMatch(/Status for the jail: sshd/);
});
