/** Each view of the page, light and dark, wide and narrow, with nothing, little and much to show: axe finds no fault, nothing is too wide; and how it is used without a mouse, or by ear. */
import { existsSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { faults, launch, overflows } from '../system/browser.ts';
import { fills, now, type Serves } from './fills.ts';
import { type Look, openStage, pictures, type Stage, viewsOf } from './stage.ts';

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

async function expectWell({ page }: Stage, what: string): Promise<void> {
  expect.soft(await overflows(page), `${what} is too wide`).toBe(false);
  expect.soft(await faults(page), what).toEqual([]);
}

const corners = (['light', 'dark'] as const).flatMap((scheme) => [1280, 390].map((width) => ({ scheme, width })));
const looks: readonly Look[] = [
  ...corners.flatMap((corner): Look[] => [
    { ...corner, fill: 'much', serves: 'fleet' },
    { ...corner, fill: 'little', serves: 'fleet' },
  ]),
  { scheme: 'light', width: 1280, fill: 'much', serves: 'host' },
  { scheme: 'dark', width: 390, fill: 'much', serves: 'host' },
];
const rest = corners.flatMap((corner): Look[] => [
  ...(['little', 'much'] as const).map((fill): Look => ({ ...corner, fill, serves: 'host' })),
  ...(['fleet', 'host'] as const).map((serves): Look => ({ ...corner, fill: 'none', serves })),
]);

describe.skipIf(!isThere)('in Chromium', () => {
  describe.each(pictures === undefined ? looks : [...looks, ...rest])('$serves, $fill, $scheme, $width', (look) => {
    test('axe finds no fault', async () => {
      const stage = await open(look);
      const { fill, serves } = look;
      // with little what counts is what is done
      const shown = fill === 'little' && pictures === undefined ? [] : viewsOf(serves, fill);
      for (const [name, view] of shown) {
        await stage.show(view);
        await expectWell(stage, name);
        await stage.picture(name);
      }
      if (fill === 'little') await everyDialog(stage, serves);
    });
  });

  test.each(corners)('the login, $scheme, $width', async (corner) => {
    const stage = await open({ ...corner, fill: 'little', serves: 'fleet', isKnown: false });
    await stage.show('');
    await expectWell(stage, 'login');
    await stage.picture('login');
  });

  test.each([640, 320])('nothing is too wide at %d pixels: as at 200 and 400 per cent', async (width) => {
    for (const fill of pictures === undefined ? (['much'] as const) : fills) {
      const stage = await open({ fill, serves: 'fleet', scheme: 'light', width });
      for (const [name, view] of viewsOf('fleet', fill)) {
        await stage.show(view);
        expect.soft(await overflows(stage.page), `${name}, ${fill}`).toBe(false);
        await stage.picture(name);
      }
    }
  });

  test.each(viewsOf('fleet', 'little'))(
    'all of %s is reached by keyboard, and is seen to have the focus',
    async (_, view) => {
      const stage = await open({ fill: 'little', serves: 'fleet', scheme: 'light', width: 1280 });
      await stage.show(view);
      expect(await walk(stage)).toEqual({ missed: [], unseen: [] });
    },
  );

  test('a dialog gives the focus back, and what it has taken away leaves the focus at the heading', async () => {
    const { page, show } = await open({ fill: 'little', serves: 'fleet', scheme: 'light', width: 1280 });
    await show('bans');
    const button = page.getByRole('button', { name: 'Unban 45.0.0.7' });
    await button.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await focused(page)).toBe('Unban 45.0.0.7');
    await page.route('**/v1/view/bans?*', (route) =>
      route.fulfill({ json: { revision: '2', offset: 0, total: 0, rows: [] } }),
    );
    await button.press('Enter');
    await page.getByRole('dialog').getByRole('button', { name: 'Unban' }).press('Enter');
    await page.locator('.total').filter({ hasText: '0 bans' }).waitFor();
    await expect.poll(() => focused(page)).toBe('Bans');
  });

  test('who listens hears of a thousand bans in a sentence or two', async () => {
    const { page, show, tell } = await open({ fill: 'none', serves: 'fleet', scheme: 'light', width: 1280 });
    await show('');
    await page.evaluate(listen);
    for (let n = 0; n < 1_000; n += 1)
      tell([
        { kind: 'ban', at: now + n, address: `198.51.${n >> 8}.${n & 255}`, host: 'web1', jail: 'sshd', until: null },
      ]);
    await page.getByRole('log').getByRole('link', { name: '198.51.3.231' }).waitFor();
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

async function everyDialog(stage: Stage, serves: Serves): Promise<void> {
  for (const [view, button] of dialogs[serves]) {
    await stage.show(view);
    await stage.page.getByRole('button', { name: button, exact: true }).first().click();
    await stage.page.getByRole('dialog').waitFor();
    await expectWell(stage, button);
    await stage.picture(`dialog-${button.replaceAll(/\W+/g, '-')}`);
  }
}

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
