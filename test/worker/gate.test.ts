/** The gate before a site, in workerd: who is refused, who is challenged, and that nothing of its own ever shuts a site. */
import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { encodeBanList, type ListedBan } from '../../worker/ban-list.ts';
import { Gate, type GateEnv, isGated } from '../../worker/gate/gate.ts';
import worker from '../../worker/index.ts';

const now = Date.now() / 1000;
const bans: readonly ListedBan[] = [
  { address: '203.0.113.7', action: 'block', until: now + 600 },
  { address: '198.51.100.0/24', action: 'challenge', until: null },
  { address: '2001:db8:1::/48', action: 'block', until: null },
  { address: '192.0.2.9', action: 'block', until: now - 5 },
];
const turnstile = { TURNSTILE_SITE_KEY: 'site-key', TURNSTILE_SECRET: 'secret-key' };

/** What the origin and Turnstile were asked; `verdict` is Turnstile's. */
class Outside {
  readonly asked: Request[] = [];
  readonly verified: string[] = [];
  verdict: () => Response = () => Response.json({ success: true });

  async fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init);
    if (new URL(request.url).hostname === 'challenges.cloudflare.com') {
      this.verified.push(new TextDecoder().decode(await request.arrayBuffer()));
      return this.verdict();
    }
    this.asked.push(request);
    const echo = request.body === null ? '' : await request.text();
    return new Response(request.method === 'HEAD' ? null : `origin ${echo}`, { headers: { 'x-origin': '1' } });
  }
}

let outside: Outside;
let reads = 0;
let snapshot: () => Promise<ArrayBuffer | null>;

beforeEach(() => {
  outside = new Outside();
  reads = 0;
  snapshot = async () => encodeBanList(bans, 3, now).slice().buffer;
  vi.spyOn(globalThis, 'fetch').mockImplementation((input, init) => outside.fetch(input, init));
});
afterEach(() => vi.restoreAllMocks());

function gateEnv(more: Partial<GateEnv> = {}): GateEnv {
  const get = () => {
    reads += 1;
    return snapshot();
  };
  return { BANS: { get }, ENFORCEMENT: 'gate', ...more };
}

/** A visitor of a fresh isolate, unless a gate is given. */
async function visit(
  address: string | null,
  init: RequestInit & { path?: string } = {},
  vars: Partial<GateEnv> = {},
  gate = new Gate(),
): Promise<Response> {
  const headers = new Headers(init.headers);
  if (address !== null) headers.set('cf-connecting-ip', address);
  const request = new Request(`https://shop.example${init.path ?? '/cart?a=1'}`, { ...init, headers });
  return gate.pass(request, gateEnv(vars), createExecutionContext());
}

const reason = (response: Response) => [response.status, response.headers.get('edgeban-reason')];

describe('who is banned', () => {
  it('is refused with a small page that asks for nothing', async () => {
    const response = await visit('203.0.113.7', { headers: { 'cf-ray': '<i>8' } });
    expect(reason(response)).toEqual([403, 'block 203.0.113.7']);
    const text = await response.text();
    expect(text.length).toBeLessThan(1_000);
    expect(text).toContain('203.0.113.7');
    expect(text).not.toMatch(/<i>|src=|href=|url\(/);
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
    expect(response.headers.get('cache-control')).toContain('no-store');
    expect(outside.asked).toEqual([]);
  });

  it.each([
    ['2001:db8:1::5', 'block 2001:db8:1::5'],
    ['2001:DB8:1:0::5', 'block 2001:db8:1::5'],
    ['::ffff:203.0.113.7', 'block 203.0.113.7'],
  ])('is known by any spelling: %s', async (address, told) => {
    expect(reason(await visit(address))).toEqual([403, told]);
  });

  it('is known behind a pseudo IPv4, and nobody else can say so', async () => {
    const headers = { 'cf-connecting-ipv6': '2001:db8:1::5' };
    expect((await visit('244.1.2.3', { headers })).status).toBe(403);
    expect((await visit('203.0.113.8', { headers })).status).toBe(200);
  });

  it('gets no body for HEAD, and is refused whatever he asks', async () => {
    const head = await visit('203.0.113.7', { method: 'HEAD' });
    expect([...reason(head), head.body]).toEqual([403, 'block 203.0.113.7', null]);
    expect((await visit('203.0.113.7', { method: 'OPTIONS' })).status).toBe(403);
    expect((await visit('203.0.113.7', { headers: { upgrade: 'websocket' } })).status).toBe(403);
    expect(outside.asked).toEqual([]);
  });
});

describe('all others', () => {
  it('reach the origin untouched', async () => {
    const response = await visit('203.0.113.8', { method: 'POST', body: 'a=1', headers: { cookie: 'x=y' } });
    expect([response.status, await response.text(), response.headers.get('x-origin')]).toEqual([
      200,
      'origin a=1',
      '1',
    ]);
    expect(response.headers.get('edgeban-reason')).toBeNull();
    const [asked] = outside.asked;
    expect([asked?.method, asked?.url]).toEqual(['POST', 'https://shop.example/cart?a=1']);
    expect(asked?.headers.get('cookie')).toBe('x=y');
    expect((await visit('192.0.2.9')).status).toBe(200);
    expect((await visit(null)).status).toBe(200);
    expect((await visit('nonsense')).status).toBe(200);
  });

  it.each([
    ['KV fails', () => Promise.reject(new Error('KV GET failed: 500'))],
    ['there is no snapshot', () => Promise.resolve(null)],
    ['it is none', () => Promise.resolve(new ArrayBuffer(99))],
    [
      'it is of an older edgeban',
      async () => {
        const bytes = encodeBanList(bans, 3, now).slice();
        bytes.set(new TextEncoder().encode('EBL1'));
        return bytes.buffer;
      },
    ],
  ])('and everybody, where %s', async (_why, read) => {
    snapshot = read;
    expect((await visit('203.0.113.7')).status).toBe(200);
  });
});

describe('the snapshot', () => {
  it('is read once a minute, and an old one serves while there is no new one', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: now * 1000 });
    try {
      const gate = new Gate();
      for (let visitor = 0; visitor < 50; visitor++) await visit('203.0.113.7', {}, {}, gate);
      expect(reads).toBe(1);
      snapshot = () => Promise.reject(new Error('KV GET failed: 500'));
      vi.setSystemTime((now + 61) * 1000);
      expect((await visit('203.0.113.7', {}, {}, gate)).status).toBe(403);
      expect((await visit('203.0.113.7', {}, {}, gate)).status).toBe(403);
      expect(reads).toBe(2);
      snapshot = async () => encodeBanList([], 4, now).slice().buffer;
      vi.setSystemTime((now + 122) * 1000);
      await visit('203.0.113.7', {}, {}, gate);
      await expect.poll(async () => (await visit('203.0.113.7', {}, {}, gate)).status).toBe(200);
      expect(reads).toBe(3);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is waited for by those who come while it is read for the first time', async () => {
    const gate = new Gate();
    let arrive: () => void = () => undefined;
    const whole = snapshot;
    snapshot = async () => {
      await new Promise<void>((resolve) => (arrive = resolve));
      return whole();
    };
    const visitors = [visit('203.0.113.7', {}, {}, gate), visit('203.0.113.7', {}, {}, gate)];
    await expect.poll(() => reads).toBe(1);
    arrive();
    expect((await Promise.all(visitors)).map(({ status }) => status)).toEqual([403, 403]);
    expect(reads).toBe(1);
  });
});

describe('a challenge', () => {
  const visitor = '198.51.100.9';
  const form = (fields: Record<string, string>, more: HeadersInit = {}) => {
    const body = new URLSearchParams(fields).toString();
    const headers = {
      'content-length': String(body.length),
      'content-type': 'application/x-www-form-urlencoded',
      ...more,
    };
    return { path: '/.well-known/edgeban-challenge', method: 'POST', body, headers };
  };
  const passed = async (to: string) => visit(visitor, form({ to, 'cf-turnstile-response': 'tok' }), turnstile);

  it('is a block without the keys of Turnstile', async () => {
    expect(reason(await visit(visitor))).toEqual([403, `challenge ${visitor}`]);
    expect(await (await visit(visitor, {}, { TURNSTILE_SITE_KEY: 'one of two' })).text()).toContain('Banned');
  });

  it('shows the widget, and a preflight passes', async () => {
    const response = await visit(visitor, { path: '/a?"><script>' }, turnstile);
    expect(reason(response)).toEqual([403, `challenge ${visitor}`]);
    const text = await response.text();
    expect(text).toContain('data-sitekey="site-key"');
    expect(text).toContain('src="https://challenges.cloudflare.com/turnstile/v0/api.js"');
    expect(text).not.toContain('"><script>');
    expect(response.headers.get('content-security-policy')).toContain('script-src https://challenges.cloudflare.com;');
    expect((await visit(visitor, { method: 'OPTIONS' }, turnstile)).status).toBe(200);
    const head = await visit(visitor, { method: 'HEAD' }, turnstile);
    expect([head.status, head.body]).toEqual([403, null]);
  });

  it('that is passed is remembered for this address, and for half an hour', async () => {
    const answer = await passed('/cart?a=1');
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/cart?a=1']);
    expect(outside.verified[0]).toBe(`secret=secret-key&response=tok&remoteip=${visitor}`);
    const [cookie = '', ...attributes] = (answer.headers.get('set-cookie') ?? '').split('; ');
    expect(attributes).toEqual(['Path=/', 'Max-Age=1800', 'Secure', 'HttpOnly', 'SameSite=Lax']);
    const as = (address: string, value: string) => visit(address, { headers: { cookie: `a=b; ${value}` } }, turnstile);
    expect((await as(visitor, cookie)).status).toBe(200);
    expect((await as('198.51.100.10', cookie)).status).toBe(403);
    expect((await as('203.0.113.7', cookie)).status).toBe(403);
    expect(
      (
        await as(
          visitor,
          cookie.replace(/=\d+/, (end) => `=${Number(end.slice(1)) + 60}`),
        )
      ).status,
    ).toBe(403);
    expect((await as(visitor, `${cookie.slice(0, -1)}-`)).status).toBe(403);
    const old = { ...turnstile, TURNSTILE_SECRET: 'another' };
    expect((await visit(visitor, { headers: { cookie } }, old)).status).toBe(403);
    vi.useFakeTimers({ toFake: ['Date'], now: (now + 1_900) * 1000 });
    try {
      expect((await as(visitor, cookie)).status).toBe(403);
    } finally {
      vi.useRealTimers();
    }
  });

  it('that is not passed comes again; one that nobody can judge lets pass', async () => {
    outside.verdict = () => Response.json({ success: false, 'error-codes': ['timeout-or-duplicate'] });
    expect((await passed('/')).status).toBe(403);
    outside.verdict = () => new Response('', { status: 502 });
    expect((await passed('/')).status).toBe(303);
    outside.verdict = () => {
      throw new Error('network');
    };
    expect((await passed('/')).status).toBe(303);
  });

  it('leads nowhere else, and a made-up form opens nothing', async () => {
    for (const to of [
      'https://evil.example/',
      '//evil.example',
      '/\\evil.example',
      'x',
      '/a b',
      `/${'a'.repeat(3_000)}`,
    ])
      expect((await passed(to)).headers.get('location')).toBe('/');
    const { headers: _, ...bare } = form({ 'cf-turnstile-response': 'tok' });
    expect((await visit(visitor, bare, turnstile)).status).toBe(403);
    const long = form({ 'cf-turnstile-response': 't'.repeat(9_000) });
    expect((await visit(visitor, long, turnstile)).status).toBe(403);
    expect(outside.asked).toEqual([]);
  });
});

describe('the Worker', () => {
  const gated = { ...env, ENFORCEMENT: 'gate', API_HOSTNAME: 'edgeban.test' };

  it('keeps its API out of the gate, and the gate out of its API', async () => {
    const ask = (url: string, vars = gated) =>
      worker.fetch(
        new Request(url, { headers: { 'cf-connecting-ip': '203.0.113.7' } }),
        vars,
        createExecutionContext(),
      );
    expect((await ask('https://edgeban.test/v1/health')).status).toBe(200);
    expect((await ask('https://shop.example/v1/health')).headers.get('x-origin')).toBe('1');
    expect(
      (await ask('https://shop.example/v1/health', { ...gated, ENFORCEMENT: 'list' })).headers.get('x-origin'),
    ).toBeNull();
  });

  it.each([
    ['shop.example', true],
    ['edgeban.example.workers.dev', false],
    ['api.example', false],
    ['localhost', false],
    ['127.0.0.1', false],
  ])('knows what is gated: %s %s', (hostname, is) => {
    const vars = gateEnv({ API_HOSTNAME: 'API.example' });
    expect(isGated(hostname, vars)).toBe(is);
    expect(isGated(hostname, { ...vars, ENFORCEMENT: 'none' })).toBe(false);
  });
});
