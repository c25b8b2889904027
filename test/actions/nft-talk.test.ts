/** The nft that stays: it takes small changes without a start, and whatever becomes of it, no change is lost or taken for done. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNft, type Nft } from '../../host-agent/actions/nft.ts';
import type { ElementChange, SetRef } from '../../host-agent/actions/nft-script.ts';
import { Netns, whyNot } from './netns.ts';

const reason = whyNot();
const set: SetRef = { family: 'inet', table: 't', set: 's' };
const add = (element: string): ElementChange => ({ set, kind: 'add', element, timeout_s: 600 });
const remove = (element: string): ElementChange => ({ set, kind: 'delete', element });

describe('the nft that stays', () => {
  let netns: Netns;
  let folder: string;

  beforeEach((ctx) => {
    if (reason !== null) ctx.skip(reason);
    folder = mkdtempSync(join(tmpdir(), 'edgeban-talk-'));
    netns = new Netns();
    netns.script('add table inet t\nadd set inet t s { type ipv4_addr; flags timeout; }\n');
  });
  afterEach(() => {
    netns?.remove();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  /** An nft that notes its starts; `whenTalking` is what it does as `nft -i`. */
  function noting(whenTalking: string, timeout_ms = 60_000): { nft: Nft; starts: () => string[] } {
    const log = join(folder, 'starts');
    writeFileSync(log, '');
    const wrapper = join(folder, 'nft');
    const real = `${netns.prefix.join(' ')} nft`;
    const script = `#!/bin/sh\necho "$1 $$" >> ${log}\nif [ "$1" = -i ]; then ${whenTalking}; fi\nexec ${real} "$@"\n`;
    writeFileSync(wrapper, script);
    chmodSync(wrapper, 0o755);
    const starts = () => readFileSync(log, 'utf8').trim().split('\n');
    return { nft: createNft({ command: [wrapper], timeout_ms }), starts };
  }

  const listed = () => netns.run('nft', 'list', 'set', 'inet', 't', 's');

  it('is started once for many small changes', async () => {
    const { nft, starts } = noting(':');
    for (let i = 1; i < 50; i += 1)
      expect(await nft.change([add(`192.0.2.${i}`), remove(`192.0.2.${i - 1}`)])).toEqual([null, null]);
    expect(starts()).toHaveLength(1);
    expect(listed()).toContain('192.0.2.49 ');
    expect(listed()).not.toContain('192.0.2.48 ');
  });

  it('tells what nft refuses, and goes on', async () => {
    const { nft } = noting(':');
    await nft.change([add('192.0.2.1')]);
    const [bad, good] = await nft.change([add('2001:db8::1'), add('192.0.2.2')]);
    expect(bad).toMatchObject({ code: 'ERR_NFT_REFUSED' });
    expect(good).toBeNull();
    expect(await nft.change([add('192.0.2.3')])).toEqual([null]);
    expect(listed()).toMatch(/192\.0\.2\.1 .*192\.0\.2\.2 .*192\.0\.2\.3 /s);
  });

  it('sees what others have changed meanwhile', async () => {
    const { nft } = noting(':');
    await nft.change([add('192.0.2.1')]);
    netns.script('delete table inet t\n');
    expect(await nft.change([add('192.0.2.2')])).toMatchObject([{ code: 'ERR_ACTION_GONE' }]);
    netns.script('add table inet t\nadd set inet t s { type ipv4_addr; flags timeout; }\n');
    expect(await nft.change([add('192.0.2.3')])).toEqual([null]);
    expect(listed()).toContain('192.0.2.3 ');
  });

  it('may be killed at any time', async () => {
    const { nft, starts } = noting(':');
    await nft.change([add('192.0.2.1')]);
    const [, pid = ''] = starts()[0]?.split(' ') ?? [];
    execFileSync('kill', ['-9', pid]);
    const addresses = Array.from({ length: 20 }, (_, i) => `198.51.100.${i}`);
    for (const address of addresses) expect(await nft.change([add(address)])).toEqual([null]);
    for (const address of addresses) expect(listed()).toContain(`${address} `);
  });

  it.each([
    ['ends at once', 'exit 0'],
    ['chatters', 'while read -r line; do echo "nothing of what was asked" >&2; done'],
    ['says nothing', 'exec sleep 60'],
    ['floods', 'exec yes >&2'],
  ])('is done without where it %s', async (_, whenTalking) => {
    const { nft } = noting(whenTalking, 3_000);
    expect(await nft.change([add('192.0.2.1')])).toEqual([null]);
    const took_ms: number[] = [];
    for (const address of ['192.0.2.2', '192.0.2.3', '192.0.2.4']) {
      const again = performance.now();
      expect(await nft.change([add(address)])).toEqual([null]);
      took_ms.push(performance.now() - again);
    }
    // not waited for each time, though the machine may be slow
    expect(Math.min(...took_ms)).toBeLessThan(2_500);
    expect(listed()).toMatch(/192\.0\.2\.1 .*192\.0\.2\.2 .*192\.0\.2\.4 /s);
  });

  it('does not grow without end', async () => {
    const { nft, starts } = noting(':');
    const many = (i: number) => Array.from({ length: 200 }, (_, k) => add(`10.${i % 100}.${k}.1`));
    for (let i = 0; i < 250; i += 1) await nft.change(many(i));
    expect(starts().filter((start) => start.startsWith('-i')).length).toBeGreaterThan(1);
    expect(starts().filter((start) => !start.startsWith('-i'))).toEqual([]);
  });
});
