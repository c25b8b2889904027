/** The real page in Chromium under its own policy, with answers of the test's: any amount of data, either theme, any size. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page, Route } from 'playwright-core';
import { dashboardPage } from '../../host-agent/dashboard-page.ts';
import type { LiveEvent } from '../../shared/view.ts';
import { viewOf } from './answers.ts';
import { addressOfStory, eventsOf, type Fill, now, type Serves, sessionOf } from './fills.ts';

/** What the server has to show, and to whom. */
export interface Look {
  readonly fill: Fill;
  readonly serves: Serves;
  /** False: nobody is logged in. */
  readonly isKnown?: boolean;
}

/** What it is looked at with. */
export interface Corner {
  readonly scheme: 'light' | 'dark';
  readonly width: number;
}

const origin = 'http://localhost:1';
/** Where pictures of what was looked at go; with it all is looked at: `SCREENSHOTS=/tmp/looks npm test -- test/dashboard/looks`. */
export const pictures = process.env['SCREENSHOTS'];

export interface Stage {
  readonly page: Page;
  /** What the page's own code, or its policy, has complained of. */
  readonly complaints: string[];
  readonly context: BrowserContext;
  /** Shows one view anew; '' is the overview. */
  show(view: string): Promise<void>;
  /** The same view, as a reader turns his screen, or his theme. */
  turn(corner: Corner): Promise<void>;
  /** Comes on the live line. */
  tell(events: readonly LiveEvent[]): void;
  picture(name: string): Promise<void>;
}

export async function openStage(browser: Browser, look: Look): Promise<Stage> {
  const context = await browser.newContext({ viewport: sizeOf(1280), colorScheme: 'light', reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  await page.clock.setFixedTime(now * 1000);
  const complaints = complaintsOf(page);
  const asked = { answered: 0, open: 0 };
  await page.route('**/*', async (route) => {
    asked.open += 1;
    await answer(route, look);
    asked.open -= 1;
    asked.answered += 1;
  });
  const line: { tell: (text: string) => void } = { tell: () => undefined };
  const tell: Stage['tell'] = (events) => events.forEach((event) => void line.tell(JSON.stringify(event)));
  await page.routeWebSocket(/\/v1\/view\/live$/, (socket) => {
    line.tell = (text) => socket.send(text);
    tell([{ kind: 'here', at: now }, ...eventsOf(look.fill)]);
  });
  const show = async (view: string) => {
    await page.goto('about:blank');
    asked.answered = 0;
    await page.goto(`${origin}/#/${view}`);
    await page.locator('h1').waitFor();
    await settle(page, () => asked.open === 0 && asked.answered > 1);
  };
  let corner: Corner = { scheme: 'light', width: 1280 };
  const turn = async (to: Corner) => {
    corner = to;
    await page.setViewportSize(sizeOf(to.width));
    await page.emulateMedia({ colorScheme: to.scheme });
    await settle(page, () => asked.open === 0);
  };
  const picture = (name: string) => takePicture(page, `${nameOf(look, corner)}-${name}`);
  return { page, complaints, context, show, turn, tell, picture };
}

const sizeOf = (width: number) => ({ width, height: width < 500 ? 844 : 860 });

/** Three frames in a row in which nothing is waited for. */
async function settle(page: Page, isCalm: () => boolean): Promise<void> {
  for (let calm = 0; calm < 3; calm = isCalm() ? calm + 1 : 0)
    await page.evaluate('new Promise((drawn) => requestAnimationFrame(drawn))');
}

function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('status of 401')) complaints.push(message.text());
  });
  return complaints;
}

function nameOf({ fill, serves }: Look, { scheme, width }: Corner): string {
  return `${serves}-${fill}-${scheme}-${width}`;
}

async function takePicture(page: Page, name: string): Promise<void> {
  if (pictures === undefined) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: !name.includes('dialog') });
}

/** The views of a fleet's page, and of a single host's. */
export function viewsOf(serves: Serves, fill: Fill): readonly (readonly [string, string])[] {
  const story = `address/${encodeURIComponent(addressOfStory[fill])}`;
  const own = [
    ['overview', ''],
    ['bans', 'bans'],
    ['story', story],
    ['record', 'record'],
  ] as const;
  return serves === 'host' ? own : [...own, ['hosts', 'hosts'], ['edge', 'edge'], ['allow', 'allow']];
}

async function answer(route: Route, { fill, serves, isKnown = true }: Look): Promise<void> {
  const request = route.request();
  const url = new URL(request.url());
  if (url.pathname === '/') {
    const { html, policy } = dashboardPage();
    const headers = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy };
    return await route.fulfill({ headers, body: html });
  }
  if (url.pathname === '/v1/session') {
    if (isKnown) return await route.fulfill({ json: sessionOf(fill, serves) });
    return await route.fulfill({ status: 401, json: { code: 'ERR_AUTH_SESSION', detail: 'there is no session' } });
  }
  const path = /^\/v1\/view\/(.*)$/.exec(url.pathname)?.[1];
  if (path === undefined) return await route.fulfill({ json: {} });
  await route.fulfill({ json: viewOf(fill, serves, path, url.searchParams) });
}
