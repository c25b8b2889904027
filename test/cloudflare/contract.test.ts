/** What we send and what the fake answers, held to Cloudflare's own description of its API. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fetch } from '../../worker/cloudflare/enforcement.ts';
import { type Exchange, openDescription } from './openapi.ts';
import { account, listName, openScene, type Scene, secret, want, wantMany, zoneIds } from './scene.ts';

const description = openDescription();
let scene: Scene;
let exchanges: Exchange[];

/** A fetch that keeps what went over the line. */
function recording(base: string): Fetch {
  return async (url, init) => {
    const response = await fetch(url, init);
    const answer: unknown = await response.clone().json();
    const sent: unknown = typeof init.body === 'string' ? JSON.parse(init.body) : undefined;
    const { method = 'GET' } = init;
    exchanges.push({ method, path: url.slice(base.length), sent, status: response.status, answer });
    return response;
  };
}

beforeEach(async (context) => {
  if (description === null) return context.skip('needs the API description beside the checkout');
  scene = await openScene();
  exchanges = [];
  scene.line.fetch = recording(scene.base);
  return undefined;
});
afterEach(() => scene?.close());

function problems(): string[] {
  return exchanges.flatMap((exchange) => description?.problems(exchange) ?? []);
}

describe('the description of the API', () => {
  it('covers all that enforcement asks, and the answers in fair and foul weather', async () => {
    const rules = [{ action: 'skip', expression: '(http.host eq "a")', ref: 'theirs' }];
    scene.fake.control.seedRules({ zone: zoneIds[1], rules });
    await scene.settle([...wantMany(600), want('2001:db8::1'), want('198.51.100.0/24', 1_900_000_000)]);
    scene.fake.control.nextOperations({ fates: ['failed', 'forgotten'] });
    await scene.settle(wantMany(10), 3600);
    scene.fake.control.revokeToken({ name: 'worker' });
    await scene.step(wantMany(20));
    scene.fake.control.restoreToken({ name: 'worker' });
    scene.fake.control.fault({ kind: '429', count: 2 });
    await scene.settle(wantMany(20), 3600);
    scene.fake.control.seedRules({ zone: zoneIds[1], rules: [{ ...rules[0], ref: 'edgeban' }] });
    scene.fake.control.deleteRule({ zone: zoneIds[0], ref: 'edgeban' });
    scene.clock.now += 700;
    await scene.settle([], 3600);
    expect(problems()).toEqual([]);
    const kinds = new Set(exchanges.map(({ method, path }) => `${method} ${shape(path)}`));
    expect([...kinds].sort()).toEqual([
      'DELETE /accounts/:id/rules/lists/:id/items',
      'DELETE /zones/:id/rulesets/:id/rules/:id',
      'GET /accounts/:id/rules/lists',
      'GET /accounts/:id/rules/lists/:id/items',
      'GET /accounts/:id/rules/lists/bulk_operations/:id',
      'GET /zones/:id/rulesets/phases/http_request_firewall_custom/entrypoint',
      'POST /accounts/:id/rules/lists',
      'POST /accounts/:id/rules/lists/:id/items',
      'POST /zones/:id/rulesets',
      'POST /zones/:id/rulesets/:id/rules',
    ]);
  });

  it('covers what else the fake answers', async () => {
    await scene.settle(wantMany(3));
    const ruleset = scene.fake.control.state().rulesets[zoneIds[0]];
    const list = scene.fake.control.state().lists[0]?.id;
    const rule = ruleset?.rules[0]?.id;
    const wrong = { name: 'Bad-Name', kind: 'ip' };
    const rules = { rules: [{ action: 'block', expression: '(ip.src eq 192.0.2.1)' }] };
    await ask('GET', '/ips');
    await ask('GET', '/zones');
    await ask('GET', `/accounts/${account}/tokens/verify`);
    await ask('GET', '/user/tokens/verify');
    await ask('GET', `/accounts/${account}/rules/lists/${list}`);
    await ask('DELETE', `/accounts/${account}/rules/lists/${list}`);
    await ask('PUT', `/accounts/${account}/rules/lists/${list}/items`, [{ ip: '192.0.2.1' }]);
    await ask('POST', `/accounts/${account}/rules/lists/${list}/items`, [{ ip: '192.0.2.2' }]);
    await ask('GET', `/zones/${zoneIds[0]}/rulesets`);
    await ask('GET', `/zones/${zoneIds[0]}/rulesets/${ruleset?.id}`);
    await ask('PATCH', `/zones/${zoneIds[0]}/rulesets/${ruleset?.id}/rules/${rule}`, { enabled: false });
    await ask('PUT', `/zones/${zoneIds[0]}/rulesets/phases/http_request_firewall_custom/entrypoint`, rules);
    expect(problems()).toEqual([]);
    await ask('POST', `/accounts/${account}/rules/lists`, wrong);
    expect(problems().filter((problem) => !problem.includes('requests /name'))).toEqual([]);
    expect(scene.fake.control.items(listName)).toHaveLength(3);
  });

  it('covers access rules of account and zones, and what the fake answers to them', async () => {
    const rules = [
      { target: 'ip' as const, value: '192.0.2.1', mode: 'whitelist' as const, notes: 'by hand' },
      { target: 'country' as const, value: 'TX' },
    ];
    for (const zones of [null, zoneIds]) {
      await scene.close();
      scene = await openScene({}, { mode: 'access-rules', zoneIds: zones });
      scene.line.fetch = recording(scene.base);
      scene.fake.control.seedAccessRules(zones === null ? { rules } : { zone: zoneIds[0], rules });
      await scene.settle([want('192.0.2.1'), want('2001:db8::1'), want('198.51.100.0/23', 1_900_000_000)]);
      await scene.settle([want('198.51.100.0/23')]);
      scene.fake.control.revokeToken({ name: 'worker' });
      await scene.step(wantMany(2));
      scene.fake.control.restoreToken({ name: 'worker' });
      await scene.settle([], 3600);
      const place = zones === null ? `/accounts/${account}` : `/zones/${zoneIds[0]}`;
      const wide = { mode: 'block', configuration: { target: 'ip_range', value: '10.0.0.0/8' }, notes: '' };
      await ask('POST', `${place}/firewall/access_rules/rules`, wide);
    }
    const rule = scene.fake.control.accessRules(zoneIds[0])[0]?.id;
    await ask('GET', `/accounts/${account}/firewall/access_rules/rules/${rule}`);
    // the description asks for everything that a rule has, where the account's is changed; the notes are enough
    expect(problems().filter((problem) => !/^PATCH \/accounts\S+: requests/.test(problem))).toEqual([]);
    const kinds = new Set(exchanges.map(({ method, path }) => `${method} ${shape(path)}`));
    expect([...kinds].filter((kind) => !kind.startsWith('GET')).sort()).toEqual([
      'DELETE /accounts/:id/firewall/access_rules/rules/:id',
      'DELETE /zones/:id/firewall/access_rules/rules/:id',
      'PATCH /accounts/:id/firewall/access_rules/rules/:id',
      'PATCH /zones/:id/firewall/access_rules/rules/:id',
      'POST /accounts/:id/firewall/access_rules/rules',
      'POST /zones/:id/firewall/access_rules/rules',
    ]);
  });

  it('would notice a request or an answer that is wrong', () => {
    const path = `/accounts/${account}/rules/lists`;
    const answer = { success: true, errors: [], messages: [], result: { name: 7 } };
    const exchange = { method: 'POST', path, sent: { name: 'UPPER', kind: 'ip' }, status: 200, answer };
    const found = description?.problems(exchange).join();
    expect(found).toContain('requests /name');
    expect(found).toContain('answers /result');
  });
});

function shape(path: string): string {
  return path.replace(/\?.*/, '').replace(/\/[0-9a-f]{32}/g, '/:id');
}

async function ask(method: string, path: string, body?: unknown): Promise<void> {
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
  const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
  await scene.line.fetch(`${scene.base}${path}`, init);
}
