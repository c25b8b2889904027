/** Each view of the page, light and dark, wide and narrow, with nothing, little and much to show: axe finds no fault, nothing is too wide; and how it is used without a mouse, or by ear. */
import { existsSync } from 'node:fs';
import type { Browser, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { faults, launch, overflows } from '../system/browser.ts';
import { now, type Serves } from './fills.ts';
import { type Corner, type Look, openStage, pictures, type Stage, viewsOf } from './stage.ts';

const isThere = existsSync('/usr/bin/chromium');
let browser: Browser;

beforeAll(async () => {
  if (isThere) browser = await launch();
});
afterAll(async () => {
  await browser?.close();
});

async function open(look: Look): Promise<Stage> {
  const stage = await openStage(browser, look);
  onTestFinished(async () => {
    await stage.context.close();
    expect(stage.complaints).toEqual([]);
  });
  return stage;
}

/** Buttons that open a dialog, by the view that has them. */
const dialogs: Record<Serves, readonly (readonly [string, string])[]> = {
  fleet: [
    ['', 'Ban an address'],
    ['', 'Panic …'],
    ['edge', 'Pull the brake …'],
    ['allow', 'Allow an address'],
    ['allow', 'Take off 45.0.0.7'],
    ['address/203.0.113.7', 'Unban'],
  ],
  host: [['', 'Ban an address']],
};

/** Both themes and both widths; axe looks at the other two corners in test/system/dashboard.ts. */
const opposite: readonly Corner[] = [
  { scheme: 'light', width: 1280 },
  { scheme: 'dark', width: 390 },
];
/** For people: the other two. */
const others: readonly Corner[] = [
  { scheme: 'dark', width: 1280 },
  { scheme: 'light', width: 390 },
];
/** 200 and 400 per cent of a screen. */
const enlarged = [640, 320].map((width): Corner => ({ scheme: 'light', width }));

/** Nothing is too wide, and axe finds no fault; in a dialog, when the view behind it was looked at, in that alone. */
async function expectWell(stage: Stage, what: string, within?: string): Promise<void> {
  for (const corner of opposite) {
    await stage.turn(corner);
    expect.soft(await faults(stage.page, within), `${what}, ${corner.scheme}, ${corner.width}`).toEqual([]);
    await expectFits(stage, what, corner);
  }
  if (pictures !== undefined) await expectFit(stage, what, others);
}

async function expectFit(stage: Stage, what: string, corners: readonly Corner[]): Promise<void> {
  for (const corner of corners) {
    await stage.turn(corner);
    await expectFits(stage, what, corner);
  }
}

async function expectFits({ page, picture }: Stage, what: string, { width }: Corner): Promise<void> {
  expect.soft(await overflows(page), `${what} is too wide at ${width}`).toBe(false);
  await picture(what.replaceAll(/\W+/g, '-'));
}

const looks: readonly Look[] = [
  { fill: 'much', serves: 'fleet' },
  { fill: 'much', serves: 'host' },
];
/** Looked at by people alone. */
const rest = (['fleet', 'host'] as const).flatMap((serves) =>
  (['little', 'none'] as const).map((fill): Look => ({ fill, serves })),
);

describe.skipIf(!isThere)(isThere ? 'in Chromium' : 'in Chromium (skipped: there is no /usr/bin/chromium)', () => {
  test.each(pictures === undefined ? looks : [...looks, ...rest])('each view is well: $serves, $fill', async (look) => {
    const stage = await open(look);
    for (const [name, view] of viewsOf(look.serves, look.fill)) {
      await stage.show(view);
      await expectWell(stage, name);
      if (look.serves === 'fleet') await expectFit(stage, name, enlarged);
    }
  });

  test.each(['fleet', 'host'] as const)('each dialog is well: %s', async (serves) => {
    const stage = await open({ fill: 'little', serves });
    for (const [view, button] of dialogs[serves]) {
      await stage.turn(opposite[0] ?? { scheme: 'light', width: 1280 });
      await stage.show(view);
      await stage.page.getByRole('button', { name: button, exact: true }).first().click();
      await stage.page.getByRole('dialog').waitFor();
      await expectWell(stage, `dialog ${button}`, 'dialog');
    }
  });

  test('the login is well', async () => {
    const stage = await open({ fill: 'little', serves: 'fleet', isKnown: false });
    await stage.show('');
    await expectWell(stage, 'login');
  });

  test('all of each view is reached by keyboard, and is seen to have the focus', async () => {
    const stage = await open({ fill: 'little', serves: 'fleet' });
    for (const [name, view] of viewsOf('fleet', 'little')) {
      await stage.show(view);
      expect.soft(await walk(stage), name).toEqual({ missed: [], unseen: [] });
    }
  });

  test('a dialog gives the focus back, and what it has taken away leaves the focus at the heading', async () => {
    const { page, show } = await open({ fill: 'little', serves: 'fleet' });
    await show('bans');
    const button = page.getByRole('button', { name: 'Unban 45.0.0.7' });
    await button.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await expect.poll(() => focused(page)).toBe('Unban 45.0.0.7');
    // the page reads the list by itself, too, and must not find it empty before
    let isUnbanned = false;
    page.on('request', (request) => {
      isUnbanned ||= request.method() === 'DELETE';
    });
    const none = { json: { revision: '2', offset: 0, total: 0, rows: [] } };
    await page.route('**/v1/view/bans?*', (route) => (isUnbanned ? route.fulfill(none) : route.fallback()));
    await button.press('Enter');
    await page.getByRole('dialog').getByRole('button', { name: 'Unban' }).press('Enter');
    await page.locator('.total').filter({ hasText: '0 bans' }).waitFor();
    await expect.poll(() => focused(page)).toBe('Bans');
  });

  test('an answer that comes late does not take the place of a newer one', async () => {
    const { page, show } = await open({ fill: 'little', serves: 'fleet' });
    await show('bans');
    const total = page.locator('.total');
    const before = await total.textContent();
    const view = '**/v1/view/bans?*';
    const unban = async (row: number) => {
      await page
        .getByRole('button', { name: /^Unban \d/ })
        .nth(row)
        .press('Enter');
      await page.getByRole('dialog').getByRole('button', { name: 'Unban' }).press('Enter');
    };
    const late = Promise.withResolvers<Route>();
    await page.route(view, late.resolve);
    await unban(0);
    const first = await late.promise;
    await page.route(view, (route) => route.fulfill({ json: { revision: '2', offset: 0, total: 1, rows: [] } }));
    await unban(1);
    await expect.poll(() => total.textContent()).toBe('1 ban');
    expect(before).not.toBe('1 ban');
    const heard = page.waitForResponse(view);
    await first.fallback();
    await (await heard).finished();
    await page.evaluate('new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))');
    expect(await total.textContent()).toBe('1 ban');
  });

  test('who listens hears of hundreds of bans in a sentence or two', async () => {
    const { page, show, tell } = await open({ fill: 'none', serves: 'fleet' });
    await show('');
    await page.evaluate(listen);
    for (let n = 0; n < 400; n += 1)
      tell([
        { kind: 'ban', at: now + n, address: `198.51.${n >> 8}.${n & 255}`, host: 'web1', jail: 'sshd', until: null },
      ]);
    await page.getByRole('log').getByRole('link', { name: '198.51.1.143' }).waitFor();
    await expect.poll(() => page.evaluate('said.length')).toBeGreaterThan(0);
    const said = [await page.evaluate('said')].flat().map(String);
    expect(said.length, said.join('\n')).toBeLessThan(4);
    expect(said[0]).toMatch(/^ban 198\.51\.\d+\.\d+, sshd/);
  });
});

/** Keeps each text that a live region comes to have. */
const listen = `globalThis.said = [];
  const live = '[role=status], [role=alert], [role=log]:not([aria-live=off]), [aria-live]:not([aria-live=off])';
  const texts = new Map([...document.querySelectorAll(live)].map((region) => [region, region.textContent]));
  new MutationObserver((changes) => changes.forEach(({ target }) => {
    const region = (target.closest ? target : target.parentElement)?.closest(live);
    if (region == null || region.textContent === (texts.get(region) ?? '')) return;
    texts.set(region, region.textContent);
    said.push(region.textContent);
  })).observe(document.body, { subtree: true, childList: true, characterData: true })`;

async function focused(page: Stage['page']): Promise<unknown> {
  return await page.evaluate(
    `document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent`,
  );
}

/** Tabs through the whole page: what is never reached, and what does not look as if it had the focus. */
async function walk({ page }: Stage): Promise<unknown> {
  await page.evaluate(`globalThis.wanted = new Set([...document.querySelectorAll('a[href], button:not(:disabled), input, select, summary')]
    .filter((each) => each.type !== 'radio' || each.checked)); globalThis.unseen = []; globalThis.count = wanted.size;`);
  const count = Number(await page.evaluate('count'));
  for (let n = 0; n < count + 3; n += 1) {
    await page.keyboard.press('Tab');
    await page.evaluate(`(() => { const it = document.activeElement; wanted.delete(it);
      const styles = [it, it.closest('label')].map((each) => each && getComputedStyle(each));
      const isSeen = styles.some((style) => style && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2);
      if (it !== document.body && !isSeen) unseen.push(it.outerHTML.slice(0, 100)); })()`);
  }
  return await page.evaluate('({ missed: [...wanted].map((each) => each.outerHTML.slice(0, 100)), unseen })');
}
