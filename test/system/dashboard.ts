/** The dashboard in Chromium, on the Worker in workerd, fed by a real agent: a ban comes in live, is found, read, and lifted by keyboard alone. */
import type { Page } from 'playwright-core';
import { connect, login } from '../world/attacker.ts';
import { listItems, operator, wafRules } from '../world/edge.ts';
import { inKernel, startAgent } from '../world/host.ts';
import { addresses } from '../world/network.ts';
import { until } from '../world/wait.ts';
import { everywhere, inLedger, makeWorld, type World } from '../world/world.ts';
import { behindAccess } from './access.ts';
import { faults, forward, launch, overflows, tabTo, type Visit, visit } from './browser.ts';

const address = addresses.attacker.v4;
const person = 'operator anna';

export async function dashboardScene(): Promise<unknown> {
  const world = await makeWorld({ jails: '[sshd]\nenabled = true\nmaxretry = 3\nbantime = 1h\n' });
  const [, url, browser] = await Promise.all([startAgent(world.hostA), forward(world.edge), launch()]);
  const seen = await visit(browser, url);
  try {
    const steps: Record<string, unknown> = {};
    for (const [name, step] of acts) {
      const started = performance.now();
      await step(world, seen);
      steps[name] = Math.round(performance.now() - started);
    }
    expectNothing(seen.complaints, 'the browser complains');
    return { ...steps, 'led to Access': await behindAccess(world, browser) };
  } catch (error) {
    const shown = await seen.page.evaluate('document.body.innerText').catch(() => '');
    throw new Error(`${error instanceof Error ? error.stack : error}\n${seen.complaints.join('\n')}\n${shown}`);
  } finally {
    await browser.close();
  }
}

type Step = (world: World, seen: Visit) => Promise<void>;

const acts: readonly (readonly [string, Step])[] = [
  ['logs in', logsIn],
  ['sees a ban come in', seesBan],
  ['finds it and reads its story', findsIt],
  ['lifts it by keyboard', liftsIt],
  ['panics and resumes', panics],
  ['finds its acts recorded', readsRecord],
  ['scrolls through 100,000', scrolls],
  ['fits a phone, and axe finds no fault', fits],
  ['logs out', logsOut],
];

async function logsIn({ edge }: World, { page }: Visit): Promise<void> {
  await tabTo(page, 'Operator token');
  await page.keyboard.type('not the token at all');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').filter({ hasText: 'token is wrong' }).waitFor();
  expectNothing(await faults(page), 'axe at the login');
  await page.getByLabel('Operator token').fill(edge.operatorToken);
  await page.getByLabel('Your name').fill('anna');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  const cookies = await page.context().cookies();
  const [cookie] = cookies;
  const isShut = cookie?.httpOnly === true && cookie.secure && cookie.sameSite === 'Strict';
  if (cookies.length !== 1 || !isShut) throw new Error(JSON.stringify(cookies.map(({ value: _, ...rest }) => rest)));
}

/** Nothing is loaded anew: the page is told. */
async function seesBan({ attacker, hostA }: World, { page }: Visit): Promise<void> {
  await page.locator('.side .line.open').waitFor();
  let answer = '';
  for (let tries = 0; tries < 20 && answer !== 'refused'; tries++)
    answer = await login(attacker, hostA.addresses.v4, 'admin');
  await page.getByRole('log').getByRole('link', { name: address }).waitFor();
  await page.locator('.tiles dd').first().filter({ hasText: /^1$/ }).waitFor();
}

async function findsIt(world: World, { page }: Visit): Promise<void> {
  await tabTo(page, 'Bans');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Bans' }).waitFor();
  await tabTo(page, 'Address, network, or a part of one');
  await page.keyboard.type('198.51.100.0/24');
  await page.getByText('Nothing that is banned fits this.').waitFor();
  await page.keyboard.press('Control+A');
  await page.keyboard.type(`${address.split('.').slice(0, 3).join('.')}.0/24`);
  await page.getByRole('row').filter({ hasText: address }).waitFor();
  await tabTo(page, address);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: address }).waitFor();
  await page.locator('.verdict').filter({ hasText: 'sshd on host-a' }).waitFor();
  const held = await inLedger(world, address);
  if (held?.holders.length !== 1) throw new Error(JSON.stringify(held));
  const item = await until('the item', async () => (await listItems(world.edge)).find(({ ip }) => ip === address));
  await until('the story tells of the list', async () => {
    if (((await page.locator('.facts').textContent()) ?? '').includes(item?.comment ?? '?')) return true;
    await page.reload();
    await page.locator('.facts').waitFor();
    return false;
  });
}

async function liftsIt(world: World, { page }: Visit): Promise<void> {
  await tabTo(page, 'Unban');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  expectNothing(await faults(page), 'axe at the dialog');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  if ((await inKernel(world.hostA, 'addr-set-sshd')).length !== 1) throw new Error('Escape has lifted it');
  await tabTo(page, 'Unban');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Shift+Tab');
  await tabTo(page, 'Unban');
  await page.keyboard.press('Enter');
  await page.locator('.verdict').filter({ hasText: 'not banned' }).waitFor();
  await until('the unban everywhere', async () =>
    Object.values(await everywhere(world)).every((there) => !there.includes(address)),
  );
  if ((await connect(world.attacker, world.hostA.addresses.v4, 22)) !== 'open') throw new Error('the door is shut');
  await page.goto(new URL('/#/bans', page.url()).href);
  await page.locator('.total').filter({ hasText: '0 bans' }).waitFor();
}

async function panics({ edge }: World, { page }: Visit): Promise<void> {
  const rule = async () => (await wafRules(edge)).find(({ expression }) => expression.includes('$edgeban'))?.enabled;
  await until('the rule', async () => (await rule()) === true);
  await page.goto(new URL('/#/edge', page.url()).href);
  await page.getByRole('button', { name: 'Panic …' }).click();
  await page.getByLabel('Reason').fill('a trial');
  await page.getByRole('button', { name: 'Lift everything' }).click();
  await page.getByRole('alert').filter({ hasText: 'Type the word panic.' }).waitFor();
  if ((await rule()) !== true) throw new Error('it was lifted without the word');
  await page.getByLabel('Type panic to confirm').fill('panic');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Resume' }).waitFor();
  await until('the rule is off', async () => (await rule()) === false);
  await page.goto(new URL('/#/', page.url()).href);
  await page.locator('.banner').filter({ hasText: 'a trial' }).waitFor();
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
  await until('the rule is on', async () => (await rule()) === true);
  await page.getByRole('button', { name: 'Panic …' }).waitFor();
}

async function readsRecord({ edge }: World, { page }: Visit): Promise<void> {
  await page.goto(new URL('/#/record', page.url()).href);
  const told = ['logged in', 'unbanned', 'lifted all enforcement', 'resumed enforcement'];
  for (const what of told)
    await page.getByRole('row').filter({ hasText: person }).filter({ hasText: what }).first().waitFor();
  const { acts: kept } = (await operator(edge, 'GET', '/v1/log')) as { acts: { who: string; what: string }[] };
  const own = kept.filter(({ who }) => who === person).map(({ what }) => what);
  if (own.join() !== 'login,lift,panic,resume') throw new Error(own.join());
}

const rows_max = 100_000;

/** The answers are made here; what the page makes of so many is what counts. */
async function scrolls(_: World, { page }: Visit): Promise<void> {
  let asked = 0;
  await page.route('**/v1/view/bans?*', (route) => {
    asked += 1;
    const query = new URL(route.request().url()).searchParams;
    const [offset, limit] = [Number(query.get('offset')), Number(query.get('limit'))];
    const rows = Array.from({ length: limit }, (_row, n) => rowOf(offset + n));
    return route.fulfill({ json: { revision: '1', offset, total: rows_max, rows } });
  });
  await page.goto(new URL('/#/bans', page.url()).href);
  await page.locator('.total').filter({ hasText: '100,000 bans' }).waitFor();
  await page.evaluate(
    `(() => { const list = document.querySelector('.list'); list.scrollTo(0, list.scrollHeight); })()`,
  );
  await page.getByRole('link', { name: '10.1.134.159' }).waitFor();
  const drawn = await page.locator('.list .row').count();
  if (drawn > 60 || asked > 12) throw new Error(`${drawn} rows are drawn, ${asked} pages were asked for`);
  await page.unroute('**/v1/view/bans?*');
}

/** A host may choose the name of its jail. */
const hostile = '<img src=x onerror=alert(1)>\u202egnp';

function rowOf(n: number) {
  const ip = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
  return {
    address: ip,
    action: 'block',
    at: 1_790_000_000 - n,
    until: null,
    holders: 1,
    jails: [hostile],
    hosts: ['web1'],
  };
}

const views = ['', 'bans', `address/${address}`, 'hosts', 'edge', 'allow', 'record'];

async function fits(_: World, { page }: Visit): Promise<void> {
  // the other two corners are looked at in test/dashboard/looks.test.ts
  for (const [width, colorScheme] of [
    [1280, 'dark'],
    [390, 'light'],
  ] as const) {
    await page.setViewportSize({ width, height: 844 });
    await page.emulateMedia({ colorScheme });
    for (const view of views) await fitsOne(page, view, width);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.getByRole('button', { name: 'Dark theme' }).click();
  await page.getByRole('button', { name: 'Light theme' }).waitFor();
}

async function fitsOne(page: Page, view: string, width: number): Promise<void> {
  await page.goto(new URL(`/#/${view}`, page.url()).href);
  await page.locator('main h1').waitFor();
  await page.locator('main .card, main .list').first().waitFor();
  if (await overflows(page)) throw new Error(`${view} is wider than ${width} pixels`);
  expectNothing(await faults(page), `axe at ${view}, ${width}`);
}

async function logsOut(_: World, { page }: Visit): Promise<void> {
  const [cookie] = await page.context().cookies();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByLabel('Operator token').waitFor();
  const headers = { cookie: `${cookie?.name}=${cookie?.value}` };
  const reply = await fetch(new URL('/v1/view/summary', page.url()), { headers });
  if (cookie === undefined || reply.status !== 401) throw new Error(`a copy of the cookie: ${reply.status}`);
}

function expectNothing(found: readonly string[], what: string): void {
  if (found.length > 0) throw new Error(`${what}: ${found.join('\n')}`);
}
