/** The dashboard's page as it is built: its size, that it asks nobody else for anything, and that its policy lets nothing in. */
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildDashboard, type Page } from '../../dashboard/build.ts';
import { bantime, left, plain, span } from '../../dashboard/words.ts';

const gzipped_kib_max = 150;

let page: Page = { html: '', policy: '' };
beforeAll(async () => {
  page = await buildDashboard();
});

describe('the page', () => {
  it(`is less than ${gzipped_kib_max} KiB gzipped in all`, () => {
    const kib = gzipSync(page.html).length / 1024;
    console.log(`the dashboard: ${kib.toFixed(1)} KiB gzipped`);
    expect(kib).toBeLessThan(gzipped_kib_max);
    expect(kib).toBeGreaterThan(20);
  });

  it('loads nothing from anywhere', () => {
    const tags = page.html.match(/<(?:script|link|img|iframe|base|object|embed)\b[^>]*>/gi) ?? [];
    const addresses = tags.flatMap((tag) => /\b(?:src|href)="([^"]*)"/.exec(tag)?.[1] ?? []);
    expect(addresses.filter((address) => !address.startsWith('data:image/svg+xml,'))).toEqual([]);
    expect(page.html).not.toMatch(/@import|url\(\s*["']?http/);
  });

  it('has a policy without any door', () => {
    expect(page.policy).toMatch(
      /^default-src 'none'; script-src 'sha256-[\w+/=]{44}'; style-src 'sha256-[\w+/=]{44}'; /,
    );
    expect(page.policy).not.toMatch(/unsafe|\*|https?:/);
    for (const part of ["connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"])
      expect(page.policy).toContain(part);
  });
});

describe('words', () => {
  it('of others hide nothing, turn nothing round and are not endless', () => {
    expect(plain('a\u202eb\u2066c\u200bd\u0000e\nf\ufeff')).toBe('a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffd');
    expect(plain('x'.repeat(1_000))).toHaveLength(301);
    expect(plain('<b>ä 漢字</b>')).toBe('<b>ä 漢字</b>');
  });

  it('of time are short', () => {
    const told = [0, 59, 60, 119, 3_600, 5_400, 90_000, 10 * 86_400].map((seconds) => span(seconds));
    expect(told).toEqual(['0 s', '59 s', '1 min', '1 min', '1 h', '1 h 30 min', '1 d 1 h', '10 d']);
    expect([left(null, 0), left(5, 5), left(65, 5)]).toEqual(['for ever', 'ended', '1 min left']);
  });

  it('for a ban are fail2ban’s', () => {
    expect(['600', '10m', '1d', '4w', '-1', ' 2h '].map(bantime)).toEqual([600, 600, 86_400, 2_419_200, -1, 7_200]);
    expect(['', 'x', '1y', '-2m', '0', '99999999999', '1.5h'].map(bantime)).toEqual(Array(7).fill(null));
  });
});
