/** Cloudflare Access before the dashboard, as its documentation tells of it: who has none of its cookies is led to a login on another site, also with an upgrade to a WebSocket. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Browser } from 'playwright-core';
import { client, inKernel } from '../world/host.ts';
import { addresses } from '../world/network.ts';
import { until } from '../world/wait.ts';
import type { World } from '../world/world.ts';
import { visit } from './browser.ts';

const ports = { site: 9798, team: 9799 } as const;
const site = `http://localhost:${ports.site}`;
/** Another site than the dashboard's, as `team.cloudflareaccess.com` is. */
const team = `http://127.0.0.1:${ports.team}`;
/** As docs/dashboard.md says: hosts sign what they send to the others. */
const guarded = /^\/(?:v1\/(?:session|view)(?:[/?].*)?)?(?:\?.*)?$/;

interface Access {
  /** Ends everybody's session there, and the lines that are open. */
  expire(): void;
  /** How many were led to the login, by their kind. */
  readonly led: { requests: number; upgrades: number };
  /** Where those wanted to go who came to the login. */
  readonly came: readonly string[];
}

async function openAccess(worker: string): Promise<Access> {
  let token = secret();
  const led = { requests: 0, upgrades: 0 };
  const came: string[] = [];
  const lines = new Set<Socket>();
  const isIn = ({ url = '', headers }: IncomingMessage) =>
    !guarded.test(url) || (headers.cookie ?? '').split(/; */).includes(`CF_Authorization=${token}`);
  const server = createServer((incoming, response) => {
    const entered = /^\/cdn-cgi\/access\/authorized\?to=(.*)$/.exec(incoming.url ?? '')?.[1];
    if (entered !== undefined) return enter(response, decodeURIComponent(entered), token);
    if (isIn(incoming)) return pass(incoming, response, worker, token);
    led.requests += 1;
    response.writeHead(302, { location: loginFor(incoming), 'cache-control': 'no-store' }).end();
  });
  server.on('upgrade', (incoming: IncomingMessage, near: Socket) => {
    lines.add(near.once('close', () => lines.delete(near)));
    if (isIn(incoming)) return tunnel(incoming, near, worker, token);
    led.upgrades += 1;
    near.end(`HTTP/1.1 302 Found\r\nLocation: ${loginFor(incoming)}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  });
  await Promise.all([listen(server, ports.site), listen(teamServer(came), ports.team)]);
  const expire = () => {
    token = secret();
    for (const line of lines) line.destroy();
  };
  return { expire, led, came };
}

const secret = () => randomBytes(16).toString('hex');

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve()));
}

function loginFor({ url = '' }: IncomingMessage): string {
  return `${team}/cdn-cgi/access/login/localhost?redirect_url=${encodeURIComponent(url)}`;
}

/** The login page of the team: one link. */
function teamServer(came: string[]): Server {
  return createServer(({ url = '/' }, response) => {
    const to = new URL(url, team).searchParams.get('redirect_url');
    if (to !== null) came.push(to);
    const back = `${site}/cdn-cgi/access/authorized?to=${encodeURIComponent(to ?? '/')}`;
    response.writeHead(200, { 'content-type': 'text/html' }).end(`<a href="${back}">Log in with SSO</a>`);
  });
}

function enter(response: ServerResponse, location: string, token: string): void {
  response.writeHead(302, { location, 'set-cookie': `CF_Authorization=${token}; Path=/; HttpOnly; Secure` }).end();
}

const assertion = 'cf-access-jwt-assertion';

function pass(incoming: IncomingMessage, response: ServerResponse, worker: string, token: string): void {
  const { method, url, headers } = incoming;
  const sent = request(
    new URL(url ?? '/', worker),
    { method, headers: { ...headers, [assertion]: token } },
    (reply) => {
      response.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(response);
    },
  );
  sent.on('error', () => response.destroy());
  incoming.pipe(sent);
}

function tunnel({ url, rawHeaders }: IncomingMessage, near: Socket, worker: string, token: string): void {
  const { hostname, port } = new URL(worker);
  const far = connect(Number(port), hostname);
  const lines = rawHeaders.flatMap((name, n) => (n % 2 === 0 ? [`${name}: ${rawHeaders[n + 1]}`] : []));
  far.write(`GET ${url} HTTP/1.1\r\n${[...lines, `${assertion}: ${token}`].join('\r\n')}\r\n\r\n`);
  far.pipe(near).pipe(far);
  for (const socket of [near, far]) socket.on('error', () => [near, far].forEach((each) => void each.destroy()));
}

/** The page, its answers and its line work behind Access; when that session ends in the midst, the page says so by itself and leads back. */
export async function behindAccess({ edge, hostA }: World, browser: Browser): Promise<unknown> {
  const access = await openAccess(edge.url);
  const { page, complaints } = await visit(browser, site);
  const enterThere = () => page.getByRole('link', { name: 'Log in with SSO' }).click();
  await enterThere();
  await page.getByLabel('Operator token').fill(edge.operatorToken);
  await page.keyboard.press('Enter');
  await page.locator('.side .line.open').waitFor();
  await client(hostA, 'set', 'sshd', 'banip', address);
  await page.getByRole('log').getByRole('link', { name: address }).waitFor();
  access.expire();
  await page.getByRole('alert').filter({ hasText: 'Cloudflare Access' }).waitFor();
  // the page has learnt of it from an answer or from the line, whichever came first: the other comes, too
  await until('a line is asked for without a session at Access', () => access.led.upgrades > 0);
  await page.getByRole('button', { name: 'Log in again' }).click();
  await enterThere();
  // the session at the Worker has held all the while
  await page.getByRole('log').getByRole('link', { name: address }).click();
  await page.getByRole('button', { name: 'Unban' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Unban' }).click();
  await until('the unban', async () => !(await inKernel(hostA, 'addr6-set-sshd')).includes(address));
  if (access.came.join() !== '/,/')
    throw new Error(`what the page asks for has come to the login: ${access.came.join()}`);
  // where an answer leads is told by the browser as if it had been asked for
  const own = complaints.filter((text) => !/WebSocket connection .* 302|^asks http:\/\/127.0.0.1:9799/.test(text));
  if (own.length > 0) throw new Error(`behind Access the browser complains: ${own.join('\n')}`);
  return access.led;
}

const address = addresses.attacker.v6;
