/** The operator's settings: what is taken, and that what is wrong is named and never shown. */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { EdgebanError } from '../../shared/errors.ts';
import { type Env, readSettings } from '../../worker/settings.ts';

const hex = '0123456789abcdef0123456789abcdef';
const whole: Env = {
  LEDGER: env.LEDGER,
  BANS: env.BANS,
  OPERATOR_TOKEN: 'operator-s3cret-0001',
  CLOUDFLARE_API_TOKEN: 'cloudflare-s3cret-1',
  CLOUDFLARE_API_BASE: 'http://127.0.0.1:8080/client/v4/',
  CLOUDFLARE_ACCOUNT_ID: hex,
  CLOUDFLARE_ZONE_IDS: `${hex}, ${hex.replace('0', 'f')}`,
  ENFORCEMENT: 'list',
  LIST_NAME: 'edgeban',
  ALLOW: '203.0.113.0/24, 2001:db8::1',
};

function refusal(changes: Partial<Env>): string {
  try {
    readSettings({ ...whole, ...changes });
  } catch (error) {
    if (error instanceof EdgebanError && error.code === 'ERR_SETTINGS') return error.message;
    throw error;
  }
  return '';
}

describe('settings', () => {
  it('are read', () => {
    const { allow, enforcement } = readSettings(whole);
    expect(allow.map(({ bits }) => bits)).toEqual([24, 128]);
    expect(enforcement).toMatchObject({
      mode: 'list',
      apiBase: 'http://127.0.0.1:8080/client/v4',
      accountId: hex,
      listName: 'edgeban',
    });
    expect(enforcement?.zoneIds).toHaveLength(2);
  });

  it('need nothing of Cloudflare without enforcement', () => {
    const { enforcement } = readSettings({
      LEDGER: env.LEDGER,
      BANS: env.BANS,
      OPERATOR_TOKEN: 'operator-s3cret-0001',
    });
    expect(enforcement).toBeNull();
  });

  it('choose the mode: access rules of the account need no zones', () => {
    const modes = { ENFORCEMENT: 'access-rules', CLOUDFLARE_ZONE_IDS: '' };
    expect(readSettings({ ...whole, ...modes }).enforcement).toMatchObject({ mode: 'access-rules', zoneIds: null });
    const zones = readSettings({ ...whole, ENFORCEMENT: 'access-rules', ACCESS_RULES_SCOPE: 'zones' }).enforcement;
    expect(zones?.zoneIds).toHaveLength(2);
    expect(readSettings({ ...whole, ENFORCEMENT: 'none' }).enforcement).toBeNull();
  });

  it('tell what settings of before may have left, in a mode that enforces nothing, too', () => {
    const former = { FORMER_CHALLENGE_LISTS: 'one, two', FORMER_ACCESS_RULES: 'account' };
    const told = {
      zoneIds: [hex, hex],
      droppedZoneIds: [],
      lists: [],
      challengeLists: ['one', 'two'],
      accessRules: ['account'],
    };
    const zones = { CLOUDFLARE_ZONE_IDS: `${hex},${hex}` };
    expect(readSettings({ ...whole, ...zones, ...former }).enforcement?.former).toEqual(told);
    expect(readSettings({ ...whole, ...zones, ...former, ENFORCEMENT: 'none' }).api?.former).toEqual(told);
    const dropped = 'd'.repeat(32);
    const zone = readSettings({ ...whole, ...zones, FORMER_ZONE_IDS: `${dropped},${hex}` }).enforcement?.former;
    expect(zone).toMatchObject({ zoneIds: [hex, hex, dropped], droppedZoneIds: [dropped] });
    expect(readSettings(whole).enforcement?.former).toBeUndefined();
  });

  it.each<[Partial<Env>, string]>([
    [{ ENFORCEMENT: 'access-rules', ACCESS_RULES_SCOPE: 'zone' }, 'ACCESS_RULES_SCOPE'],
    [{ ENFORCEMENT: 'access-rules', ACCESS_RULES_SCOPE: 'zones', CLOUDFLARE_ZONE_IDS: '' }, 'CLOUDFLARE_ZONE_IDS'],
    [{ ENFORCEMENT: 'lists' }, 'ENFORCEMENT'],
    [{ OPERATOR_TOKEN: 'short' }, 'OPERATOR_TOKEN'],
    [{ CLOUDFLARE_API_TOKEN: '' }, 'CLOUDFLARE_API_TOKEN'],
    [{ CLOUDFLARE_ACCOUNT_ID: 'mine' }, 'CLOUDFLARE_ACCOUNT_ID'],
    [{ CLOUDFLARE_ZONE_IDS: '' }, 'CLOUDFLARE_ZONE_IDS'],
    [{ LIST_NAME: 'Edge Ban' }, 'LIST_NAME'],
    [{ FORMER_LISTS: 'edgeban, Edge Ban' }, 'FORMER_LISTS'],
    [{ ENFORCEMENT: 'none', FORMER_ACCESS_RULES: 'zone' }, 'FORMER_ACCESS_RULES'],
    [{ FORMER_ZONE_IDS: 'zone' }, 'FORMER_ZONE_IDS'],
    [{ CHALLENGE_LIST_NAME: 'edgeban' }, 'CHALLENGE_LIST_NAME'],
    [{ CLOUDFLARE_API_BASE: 'ftp://x' }, 'CLOUDFLARE_API_BASE'],
    [{ ALLOW: '203.0.113.0/24, nonsense' }, 'ALLOW'],
  ])('that are wrong are named: %o', (changes, named) => {
    const message = refusal(changes);
    expect(message).toContain(named);
    expect(message).not.toContain('s3cret');
  });

  it('of the gate say what a challenge is; one key of Turnstile without the other is refused', () => {
    const gate = { ENFORCEMENT: 'gate', CLOUDFLARE_API_TOKEN: '', CLOUDFLARE_ZONE_IDS: '' };
    expect(readSettings({ ...whole, ...gate })).toMatchObject({ enforcement: null, gate: { challenge: 'block' } });
    const keys = { TURNSTILE_SITE_KEY: 'a', TURNSTILE_SECRET: 'b' };
    expect(readSettings({ ...whole, ...gate, ...keys }).gate).toEqual({ challenge: 'turnstile' });
    expect(refusal({ ...gate, TURNSTILE_SECRET: 's3cret' })).toBe(
      'TURNSTILE_SITE_KEY, TURNSTILE_SECRET: one of them is missing: set both, or neither',
    );
    expect(refusal({ ...gate, API_HOSTNAME: 'https://x' })).toContain('API_HOSTNAME');
    expect(readSettings(whole).gate).toBeNull();
  });
});

describe('whom alerts go to', () => {
  it('is nobody, unless it is said', () => {
    expect(readSettings({ ...whole, ALERT_WEBHOOK: '', ALERT_NTFY: ' ' }).alerts).toEqual({
      webhook: null,
      ntfy: null,
    });
    const vars = { ALERT_WEBHOOK: 'https://example.org/hook?key=1', ALERT_NTFY: 'https://ntfy.sh/ops' };
    const { alerts } = readSettings({
      ...whole,
      ...vars,
      ALERT_WEBHOOK_SECRET: 'sixteen letters!',
      ALERT_NTFY_TOKEN: 'tk_1',
    });
    expect(alerts).toEqual({
      webhook: { url: 'https://example.org/hook?key=1', secret: 'sixteen letters!' },
      ntfy: { url: 'https://ntfy.sh/ops', token: 'tk_1' },
    });
  });

  it.each([
    [{ ALERT_WEBHOOK: 'http://example.org/hook' }, 'ALERT_WEBHOOK: not an address'],
    [{ ALERT_WEBHOOK: 'https://user:s3cret@example.org/' }, 'ALERT_WEBHOOK: not an address'],
    [{ ALERT_WEBHOOK: 'file:///etc/passwd' }, 'ALERT_WEBHOOK: not an address'],
    [{ ALERT_WEBHOOK: 'https://example.org', ALERT_WEBHOOK_SECRET: 's3cret' }, 'ALERT_WEBHOOK_SECRET: shorter than 16'],
    [{ ALERT_WEBHOOK_SECRET: 's3cret of sixteen' }, 'ALERT_WEBHOOK: missing'],
    [{ ALERT_NTFY: 'https://ntfy.sh/' }, 'ALERT_NTFY: not the address of a topic'],
    [{ ALERT_NTFY: 'https://ntfy.sh/a/b' }, 'ALERT_NTFY: not the address of a topic'],
    [{ ALERT_NTFY: 'https://ntfy.sh/a', ALERT_NTFY_TOKEN: 's3 cret' }, 'ALERT_NTFY_TOKEN: not a token'],
    [{ ALERT_NTFY_TOKEN: 's3cret' }, 'ALERT_NTFY: missing'],
  ])('is refused by name where it is wrong: %o', (vars, message) => {
    expect(refusal(vars)).toContain(message);
    expect(refusal(vars)).not.toContain('s3cret');
  });
});
