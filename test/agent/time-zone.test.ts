/** TZ as a path and as a rule, beside what the C library makes of it (Python's mktime). */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const program = join(import.meta.dirname, '../../host-agent/system/time-zone.ts');
const places = [
  ...['CET-1CEST,M3.5.0,M10.5.0/3', 'MEZ-1MESZ,M3.5.0/2:00,M10.5.0/03:00:00', 'EST5EDT,M3.2.0,M11.1.0', 'XST5XDT'],
  ...[
    '<+03>-3',
    'IST-5:30',
    '<-0330>3:30<-0230>,M3.2.0,M11.1.0',
    '<-02>2<-01>,M3.5.0/-1,M10.5.0/0',
    'AEST-10AEDT,M10.1.0,M4.1.0/3',
  ],
  ...[':/etc/localtime', ':Europe/Berlin', '/usr/share/zoneinfo/Asia/Kathmandu', 'Asia/Tokyo'],
];
const times = [0, 2, 3, 5, 6, 9, 10, 11].flatMap((month) =>
  [1, 15, 28].map((day) => [2026, month + 1, day, 12] as const),
);

/** What each of the times is in this zone; null: there is no program for it. */
function seconds(command: string, argv: readonly string[], zone: string): number[] | null {
  const run = spawnSync(command, argv, { env: { ...process.env, TZ: zone }, encoding: 'utf8' });
  if (run.error !== undefined) return null;
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout);
}

const ours = `
import { honourZone } from ${JSON.stringify(program)};
honourZone(process.env, 2026, (text) => console.error(text));
console.log(JSON.stringify(${JSON.stringify(times)}.map(([y, m, d, h]) => new Date(y, m - 1, d, h).getTime() / 1000)));
`;
const theirs = `import time\nprint([int(time.mktime((y, m, d, h, 0, 0, 0, 0, -1))) for y, m, d, h in ${JSON.stringify(times)}])`;

it.for(places)('%s', (zone, context) => {
  const python = seconds('python3', ['-c', theirs], zone) ?? context.skip('needs python3');
  expect(seconds(process.execPath, ['--input-type=module', '-e', ours], zone)).toEqual(python);
});

it('says so where nobody knows what is meant, and takes UTC, as the C library does', () => {
  for (const zone of ['Nonsense/Zone', 'CET-1CEST,nonsense', 'CET-1CEST,M1.1.1,M2.1.1/1']) {
    const argv = ['--input-type=module', '-e', ours];
    const run = spawnSync(process.execPath, argv, { env: { ...process.env, TZ: zone }, encoding: 'utf8' });
    expect(run.stderr).toContain(`TZ=${zone} is no time zone that edgeban knows: times are UTC`);
    expect(JSON.parse(run.stdout)).toEqual(times.map(([y, m, d, h]) => Date.UTC(y, m - 1, d, h) / 1000));
  }
});
