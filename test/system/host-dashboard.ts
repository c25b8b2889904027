/** `edgeban dashboard` on one host without Cloudflare, the page as it was built, in Chromium: a ban comes in live, its story is read, and it is lifted in the kernel. */
import { login } from '../world/attacker.ts';
import { agentLog, inKernel, program, startAgent } from '../world/host.ts';
import { addresses } from '../world/network.ts';
import { until } from '../world/wait.ts';
import { faults, launchAt, visit } from './browser.ts';
import { makePair, type Pair } from './host-scenes.ts';

const address = addresses.attacker.v4;

export async function hostDashboardScene(): Promise<unknown> {
  const pair = await makePair('[sshd]\nenabled = true\nmaxretry = 3\nbantime = 1h\n');
  const { host, folder } = pair;
  await startAgent(host);
  const words = ['dashboard', '-c', host.config, '-s', host.socket, '--port', '8472'];
  const served = host.place.start('dashboard', [program('edgeban'), ...words], `${folder}/dashboard.log`);
  const links = () => [...served.log().matchAll(/http:\S+\/login\?token=\S+/g)].map(([link]) => link);
  const [link = ''] = await until('the link', () => links().length > 0 && links());
  const browser = await launchAt(host.place, folder);
  const seen = await visit(browser, link);
  try {
    await watchesAndLifts(pair, seen);
    const again = await visit(browser, link);
    await again.page.getByText('used already').waitFor();
    if (links().length !== 2) throw new Error(`${links().length} links were shown`);
    if (seen.complaints.length > 0) throw new Error(`the browser complains: ${seen.complaints.join('\n')}`);
    return { link, log: agentLog(host).match(/NOTICE.*has done.*/g) };
  } catch (error) {
    const shown = await seen.page.evaluate('document.body.innerText').catch(() => '');
    throw new Error(`${error instanceof Error ? error.stack : error}\n${seen.complaints.join('\n')}\n${shown}`);
  } finally {
    await browser.close();
    await served.kill('SIGINT');
  }
}

async function watchesAndLifts({ host, attacker }: Pair, { page }: Awaited<ReturnType<typeof visit>>): Promise<void> {
  await page.locator('.side .line.open').waitFor();
  if (page.url().includes('token')) throw new Error(`the token is still in ${page.url()}`);
  let answer = '';
  for (let tries = 0; tries < 20 && answer !== 'refused'; tries++)
    answer = await login(attacker, host.addresses.v4, 'admin');
  await page.getByRole('log').getByRole('link', { name: address }).click();
  await page.getByRole('heading', { name: address }).waitFor();
  const marks = page.locator('.lines mark').filter({ hasText: address });
  await marks.first().waitFor();
  if ((await marks.count()) < 3) throw new Error(`${await marks.count()} lines are marked`);
  await page.getByText('blocked').waitFor();
  const found = await faults(page);
  if (found.length > 0) throw new Error(`axe at the story: ${found.join('\n')}`);
  if (!(await inKernel(host, 'addr-set-sshd')).includes(address)) throw new Error('it is not in the kernel');
  await page.getByRole('button', { name: 'Unban' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Unban' }).click();
  await page.locator('.verdict').filter({ hasText: 'not banned' }).waitFor();
  await until('the kernel without it', async () => (await inKernel(host, 'addr-set-sshd')).length === 0);
  await page.getByRole('link', { name: 'Record' }).click();
  await page.getByRole('row').filter({ hasText: 'unbanned' }).filter({ hasText: address }).waitFor();
}
