/** A real Chromium before the dashboard: what it asks for, what it complains of, and axe's findings. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer, connect as dial } from 'node:net';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { Edge } from '../world/edge.ts';
import type { Place } from '../world/place.ts';

const port = 9797;
const program = '/usr/bin/chromium';
/** By itself it would be given 30 s. */
const start_ms_max = 120_000;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const quiet = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync'],
];

export interface Visit {
  readonly page: Page;
  readonly url: string;
  /** What went against the policy, what was asked of others, what failed in the page's own code. */
  readonly complaints: string[];
}

/** In the namespaces of a place: an address of loopback is that place's own there. */
export function launchAt(place: Place, folder: string): Promise<Browser> {
  const starter = join(folder, 'chromium');
  writeFileSync(starter, `#!/bin/sh\n${place.shellPrefix} ${program} "$@"\n`, { mode: 0o755 });
  return chromium.launch({ executablePath: starter, args: quiet, timeout: start_ms_max });
}

/** Browsers take a cookie that is `Secure` over plain HTTP from this machine itself only: the Worker is reached through here. */
export function forward(edge: Edge): Promise<string> {
  const { hostname, port: far } = new URL(edge.url);
  const server = createServer((near) => {
    const there = dial(Number(far), hostname);
    near.pipe(there).pipe(near);
    for (const socket of [near, there]) socket.on('error', () => [near, there].forEach((each) => void each.destroy()));
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(`http://localhost:${port}`)));
}

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: program, args: quiet, timeout: start_ms_max });
}

export async function visit(browser: Browser, url: string): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: 'light' });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // that nobody is logged in yet is told by a 401
    if (message.type() === 'error' && !/status of (?:401|422)/.test(message.text())) complaints.push(message.text());
  });
  page.on('request', (request) => {
    const isElsewhere = !/^data:/.test(request.url()) && new URL(request.url()).origin !== new URL(url).origin;
    // where a person is led to is no business of the page's own code
    if (isElsewhere && !request.isNavigationRequest()) complaints.push(`asks ${request.url()}`);
  });
  await page.goto(url);
  return { page, url, complaints };
}

/** What axe holds for serious or critical on the page as it stands, each with the place; in that part of it, or all. */
export async function faults(page: Page, within = 'html'): Promise<string[]> {
  if ((await page.evaluate('typeof axe')) === 'undefined') await page.evaluate(axe);
  const found: unknown =
    await page.evaluate(`axe.run('${within}', { resultTypes: ['violations'] }).then(({ violations }) => violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html.slice(0, 160)).join(' | ')))`);
  return Array.isArray(found) ? found.map(String) : ['axe did not answer'];
}

/** Presses Tab until what has the focus is called so. */
export async function tabTo(page: Page, name: string): Promise<void> {
  const told = `(() => { const it = document.activeElement;
    return (it?.getAttribute('aria-label') ?? (it?.labels?.[0]?.textContent || it?.textContent) ?? '').trim(); })()`;
  const passed: string[] = [];
  for (let presses = 0; presses < 80; presses++) {
    const at = String(await page.evaluate(told));
    if (at === name) return;
    passed.push(at);
    await page.keyboard.press('Tab');
  }
  throw new Error(`the keyboard does not reach ${name}: ${passed.join(' → ')}`);
}

/** Is anything wider than the screen? */
export async function overflows(page: Page): Promise<boolean> {
  return (await page.evaluate('document.documentElement.scrollWidth > window.innerWidth')) === true;
}
