/** Jails that leave their bans to the edge: when they protect on the host instead, and when no more. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Fallback } from '../../host-agent/agent/fallback.ts';
import { bareJail, edgeRules, type JailPlan } from '../../host-agent/agent/plan.ts';
import { Log } from '../../host-agent/log/log.ts';
import type { Meta } from '../../shared/store/meta.ts';
import { openStore } from '../../shared/store/store.ts';
import type { EdgeAbility } from '../../shared/wire.ts';
import { memorySql } from '../cloudflare/scene.ts';

const action = { name: 'nftables', file: 'nftables', line: 1, parameters: {}, init: {} };
const able: EdgeAbility = { block: true, challenge: true, why: null };

let now: number;
let trouble: string | null;
let ability: () => Promise<EdgeAbility>;
let meta: Meta;
let fallback: Fallback;
let asked: number;

const open = () => new Fallback({ meta, log: new Log({ target: '/dev/null', level: 'CRITICAL' }).logger('edge') });
const link = {
  report: () => ({ url: '', host: '', feed: 'live' as const, answeredAt: null, waiting: 0, trouble }),
  ability: () => {
    asked += 1;
    return ability();
  },
};

beforeEach(() => {
  now = 1_800_000_000;
  trouble = null;
  asked = 0;
  ability = async () => able;
  meta = openStore(memorySql(), { dbmaxmatches: 1, freshStream: () => crypto.randomUUID() }).meta;
  fallback = open();
});

/** Looks every ten seconds, as the chores do; returns after how many seconds something changed. */
async function pass(seconds: number): Promise<number | null> {
  for (let passed = 10; passed <= seconds; passed += 10) {
    now += 10;
    if (await fallback.look(link, now)) return passed;
  }
  return null;
}

function stands(edge: 'block' | 'challenge' = 'block', own = false): boolean {
  const planes = { edge, own, hosts: own };
  const base = { ...bareJail, name: 'web', rules: edgeRules, backend: 'auto', planes };
  const plan: JailPlan = own
    ? { ...base, actions: [action as never], spareActions: [] }
    : { ...base, actions: [], spareActions: [action as never] };
  return fallback.fitted(plan).actions.length > 0;
}

describe('the fallback', () => {
  it('does nothing while the edge enforces, and leaves other jails as they are', async () => {
    expect(await pass(3_600)).toBeNull();
    expect([stands(), stands('challenge'), stands('block', true)]).toEqual([false, false, true]);
    expect(asked).toBeLessThanOrEqual(13);
  });

  it('comes when the Worker is out of reach for five minutes, and goes two minutes after it is back', async () => {
    await pass(60);
    trouble = 'connection refused';
    ability = () => Promise.reject(new Error(trouble ?? ''));
    expect(await pass(290)).toBeNull();
    expect(stands()).toBe(false);
    expect(await pass(60)).not.toBeNull();
    expect([stands(), stands('challenge')]).toEqual([true, true]);
    trouble = null;
    ability = async () => able;
    expect(await pass(110)).toBeNull();
    expect(await pass(60)).not.toBeNull();
    expect(stands()).toBe(false);
  });

  it('does not follow a line that comes and goes', async () => {
    await pass(60);
    for (let turn = 0; turn < 30; turn++) {
      trouble = turn % 2 === 0 ? 'cut' : null;
      expect(await pass(100)).toBeNull();
    }
    trouble = 'cut';
    expect(await pass(400)).not.toBeNull();
    for (let turn = 0; turn < 30; turn++) {
      trouble = turn % 2 === 0 ? null : 'cut';
      expect(await pass(100)).toBeNull();
    }
    expect(stands()).toBe(true);
  });

  it('comes when the Worker says that it enforces nothing, each action for itself', async () => {
    ability = async () => ({ block: true, challenge: false, why: 'no second list' });
    expect(await pass(60)).not.toBeNull();
    expect([stands('block'), stands('challenge')]).toEqual([false, true]);
    ability = async () => ({ block: false, challenge: false, why: 'the token is revoked' });
    expect(await pass(400)).not.toBeNull();
    expect([stands('block'), stands('challenge')]).toEqual([true, true]);
    ability = async () => able;
    expect(await pass(700)).not.toBeNull();
    expect([stands('block'), stands('challenge')]).toEqual([false, false]);
  });

  it('is not ended by a restart, nor begun by one', async () => {
    ability = async () => ({ block: false, challenge: false, why: 'mode none' });
    await pass(60);
    fallback = open();
    expect(stands()).toBe(true);
    ability = () => Promise.reject(new Error('no'));
    trouble = 'out of reach';
    expect(await pass(200)).toBeNull();
    expect(stands()).toBe(true);
    meta.delete('edge.down');
    fallback = open();
    expect(stands()).toBe(false);
  });
});
