/** The writer to nft: batches, bad elements, time-outs, against the real nft in a network namespace. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNft, type Nft } from '../../host-agent/actions/nft.ts';
import type { ElementChange, SetRef } from '../../host-agent/actions/nft-script.ts';
import { Netns, whyNot } from './netns.ts';

const reason = whyNot();
const one: SetRef = { family: 'inet', table: 't', set: 'one' };
const two: SetRef = { family: 'inet', table: 't', set: 'two' };

function add(set: SetRef, element: string): ElementChange {
  return { set, kind: 'add', element, timeout_s: 600 };
}

function addresses(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `100.64.${i >> 8}.${i & 255}`);
}

describe('the writer to nft', () => {
  let netns: Netns;
  let folder: string;

  beforeEach((ctx) => {
    if (reason !== null) ctx.skip(reason);
    folder = mkdtempSync(join(tmpdir(), 'edgeban-nft-'));
    netns = new Netns();
    const set = (name: string) => `add set inet t ${name} { type ipv4_addr; flags timeout; }\n`;
    netns.script(`add table inet t\n${set('one')}${set('two')}`);
  });
  afterEach(() => {
    netns?.remove();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  /** An nft that counts its runs. */
  function counting(): { nft: Nft; runs: () => number } {
    const log = join(folder, 'runs');
    writeFileSync(log, '');
    const wrapper = join(folder, 'nft');
    writeFileSync(wrapper, `#!/bin/sh\necho run >> ${log}\nexec ${netns.prefix.join(' ')} nft "$@"\n`);
    chmodSync(wrapper, 0o755);
    return { nft: createNft({ command: [wrapper] }), runs: () => readFileSync(log, 'utf8').split('\n').length - 1 };
  }

  function count(set: SetRef): number {
    return netns.run('nft', 'list', 'set', set.family, set.table, set.set).split('expires').length - 1;
  }

  it('names the one bad element of 1,000 and does the rest', async () => {
    const { nft, runs } = counting();
    const changes = addresses(1000).map((address) => add(one, address));
    changes[617] = add(one, '2001:db8::1'); // not of this set's family
    const errors = await nft.change(changes);
    expect(errors.findIndex((error) => error !== null)).toBe(617);
    expect(errors[617]).toMatchObject({ code: 'ERR_NFT_REFUSED' });
    expect(errors.filter((error) => error !== null)).toHaveLength(1);
    expect(count(one)).toBe(999);
    expect(runs()).toBeLessThanOrEqual(21);
  });

  it("one jail's bad element does not hold up another's batch", async () => {
    const { nft } = counting();
    const [bad, good] = await Promise.all([nft.change([add(one, '2001:db8::1')]), nft.change([add(two, '192.0.2.1')])]);
    expect(bad[0]).toMatchObject({ code: 'ERR_NFT_REFUSED' });
    expect(good).toEqual([null]);
    expect(count(two)).toBe(1);
  });

  it('puts what comes meanwhile into one transaction', async () => {
    const { nft, runs } = counting();
    const batches = addresses(300).map((address) => nft.change([add(one, address)]));
    expect((await Promise.all(batches)).flat().every((error) => error === null)).toBe(true);
    expect(count(one)).toBe(300);
    expect(runs()).toBeLessThanOrEqual(2);
  });

  it('lets the last word on an element count', async () => {
    const { nft } = counting();
    await nft.change([
      add(one, '192.0.2.1'),
      { set: one, kind: 'delete', element: '192.0.2.1' },
      add(one, '192.0.2.2'),
    ]);
    await Promise.all([
      nft.change([{ set: one, kind: 'delete', element: '192.0.2.2' }]),
      nft.change([add(one, '192.0.2.3')]),
      nft.change([{ set: one, kind: 'add', element: '192.0.2.3', timeout_s: null }]),
    ]);
    const listed = netns.run('nft', 'list', 'set', 'inet', 't', 'one');
    expect(listed).toMatch(/elements = \{ 192\.0\.2\.3 \}/);
  });

  it('says that a set is not there, in one look for all its elements', async () => {
    const { nft, runs } = counting();
    const gone = { ...one, set: 'three' };
    const errors = await nft.change([...addresses(500).map((address) => add(gone, address)), add(one, '192.0.2.1')]);
    expect(errors.slice(0, 500).every((error) => error?.code === 'ERR_ACTION_GONE')).toBe(true);
    expect(errors[500]).toBeNull();
    expect(runs()).toBe(3);
  });

  it('does not look for ever where everything is bad', async () => {
    const { nft, runs } = counting();
    const errors = await nft.change(
      addresses(3000).map((address) => add(one, `2001:db8::${address.split('.')[3]}:${address.split('.')[2]}`)),
    );
    expect(errors.every((error) => error?.code === 'ERR_NFT_REFUSED')).toBe(true);
    expect(runs()).toBeLessThan(800);
  });

  it('takes timeouts up to a hundred years, never none by rounding', async () => {
    const { nft } = counting();
    const changes: ElementChange[] = [0.001, 99_999_999, 1e12].map(
      (timeout_s, i) => ({ ...add(one, `192.0.2.${i}`), timeout_s }) as ElementChange,
    );
    expect(await nft.change(changes)).toEqual([null, null, null]);
    const listed = netns.run('nft', 'list', 'set', 'inet', 't', 'one');
    expect(listed).toContain('192.0.2.1 timeout 1157d');
    expect(listed).toContain('192.0.2.2 timeout 36500d');
    expect(listed).not.toMatch(/192\.0\.2\.0[ ,]*(192|\})/);
  });
});

describe('an nft', () => {
  it('that is not there is an error of the operator', async () => {
    const nft = createNft({ command: ['/no/such/nft'] });
    expect(await nft.change([add(one, '192.0.2.1')])).toMatchObject([{ code: 'ERR_NFT_MISSING' }]);
  });

  it('that hangs is killed after its time, and the next one is tried', async () => {
    const hangs = createNft({ command: ['sh', '-c', 'exec sleep 60'], timeout_ms: 50 });
    expect(await hangs.change([add(one, '192.0.2.1')])).toMatchObject([{ code: 'ERR_NFT_TIMEOUT' }]);
    expect(await hangs.change([add(one, '192.0.2.1')])).toMatchObject([{ code: 'ERR_NFT_TIMEOUT' }]);
    await hangs.drained();
  });

  it('that prints no JSON is an error of the operator', async () => {
    const nft = createNft({ command: ['echo'] });
    await expect(nft.exclusively((session) => session.list(['list', 'tables']))).rejects.toMatchObject({
      code: 'ERR_NFT_OUTPUT',
    });
  });
});
