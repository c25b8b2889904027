/** The dashboard for Grafana and the rules for Prometheus ask for nothing but figures and labels that hosts and Worker show. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { metricsText as hostText } from '../../host-agent/metrics/text.ts';
import { metricsText as workerText } from '../../worker/ledger/metrics.ts';
import { TestLedger } from '../cloudflare/ledger.ts';
import { openScene } from '../cloudflare/scene.ts';
import { twoJails } from '../control/fake-agent.ts';

const docs = new URL('../../docs/', import.meta.url);
const source = z.strictObject({ type: z.literal('prometheus'), uid: z.literal(['$', '{datasource}'].join('')) });
const words = z.string().min(1);
const Target = z.strictObject({
  datasource: source,
  expr: words,
  legendFormat: z.string(),
  refId: z.string().regex(/^[A-Z]$/),
});
const place = { x: z.int().min(0).max(23), y: z.int().min(0), w: z.int().min(1).max(24), h: z.int().min(1) };
const base = { id: z.int().positive(), title: words, gridPos: z.strictObject(place) };
/** The first step is the lowest colour: Grafana wants null there, and values that go up after it. */
const Steps = z
  .array(z.strictObject({ color: z.enum(['green', 'red', 'orange']), value: z.number().nullable() }))
  .refine(([first, ...others]) => first?.value === null && others.every(({ value }) => value !== null));
const fieldConfig = z.strictObject({
  defaults: z.strictObject({
    unit: z.enum(['short', 'bytes', 'percentunit', 's']),
    decimals: z.int().min(0).optional(),
    color: z.strictObject({ mode: z.literal('thresholds') }).optional(),
    thresholds: z.strictObject({ mode: z.literal('absolute'), steps: Steps }).optional(),
  }),
  overrides: z.array(z.never()),
});
const figures = {
  ...base,
  description: words.optional(),
  datasource: source,
  targets: z.array(Target).min(1),
  fieldConfig,
};
const StatOptions = z.strictObject({
  reduceOptions: z.strictObject({
    calcs: z.tuple([z.literal('lastNotNull')]),
    fields: z.literal(''),
    values: z.literal(false),
  }),
  colorMode: z.enum(['value', 'background', 'none']),
  graphMode: z.enum(['area', 'none']),
  textMode: z.literal('auto'),
});
const SeriesOptions = z.strictObject({
  legend: z.strictObject({
    displayMode: z.enum(['list', 'table']),
    placement: z.literal('bottom'),
    showLegend: z.boolean(),
  }),
  tooltip: z.strictObject({ mode: z.enum(['single', 'multi', 'none']), sort: z.enum(['none', 'asc', 'desc']) }),
});
/** As Grafana's documentation of the dashboard's JSON model and of these three panels has it; what else there may be is not used. */
const Panel = z.discriminatedUnion('type', [
  z.strictObject({ ...base, type: z.literal('row'), collapsed: z.literal(false), panels: z.array(z.never()) }),
  z.strictObject({ ...figures, type: z.literal('stat'), options: StatOptions }),
  z.strictObject({ ...figures, type: z.literal('timeseries'), options: SeriesOptions }),
]);
const variable = { label: words, hide: z.literal(0), regex: z.literal(''), options: z.array(z.never()) };
const Variable = z.discriminatedUnion('type', [
  z.strictObject({
    ...variable,
    name: z.literal('datasource'),
    type: z.literal('datasource'),
    query: z.literal('prometheus'),
    current: z.strictObject({}),
  }),
  z.strictObject({
    ...variable,
    name: z.literal('host'),
    type: z.literal('query'),
    datasource: source,
    definition: words,
    query: z.strictObject({ query: z.string().regex(/^label_values\(\w+, \w+\)$/), refId: words }),
    includeAll: z.literal(true),
    multi: z.literal(true),
    allValue: z.literal('.*'),
    current: z.strictObject({ text: z.literal('All'), value: z.literal('$__all') }),
    refresh: z.int().min(0).max(2),
    sort: z.int().min(0).max(8),
  }),
]);
const Dashboard = z.strictObject({
  ...{
    title: words,
    uid: z.string().regex(/^[\w-]{1,40}$/),
    description: words,
    tags: z.array(words),
    version: z.int(),
  },
  // 36 is Grafana 9.1, the first to name data sources by type and uid everywhere; newer ones bring it up to theirs
  schemaVersion: z.int().min(36).max(41),
  editable: z.boolean(),
  refresh: z.string().regex(/^\d+[smh]$/),
  timezone: z.enum(['', 'browser', 'utc']),
  time: z.strictObject({ from: z.string().startsWith('now-'), to: z.literal('now') }),
  ...{
    graphTooltip: z.int().min(0).max(2),
    annotations: z.strictObject({ list: z.array(z.never()) }),
    links: z.array(z.never()),
  },
  panels: z.array(Panel).min(10),
  templating: z.strictObject({ list: z.array(Variable) }),
});

const dashboard = Dashboard.parse(JSON.parse(readFileSync(new URL('grafana.json', docs), 'utf8')));
const rules = readFileSync(new URL('prometheus-rules.yml', docs), 'utf8');
const asked = dashboard.panels.flatMap((panel) => (panel.type === 'row' ? [] : panel.targets.map(({ expr }) => expr)));
const alerts = [...rules.matchAll(/^ +expr: (.*)$/gm)].map(([, expr]) => expr ?? '');

/** What a host and the Worker answer to who scrapes them. */
async function scraped(): Promise<{ readonly host: string; readonly worker: string }> {
  const scene = await openScene();
  onTestFinished(() => scene.close());
  const ledger = new TestLedger(scene);
  ledger.sql.all('UPDATE ledger SET recovered_at = 0');
  ledger.hold('203.0.113.7', null);
  await ledger.settle();
  const edge = { url: '', host: '', feed: 'live', answeredAt: 1, waiting: 0, trouble: null } as const;
  const agent = { ...twoJails(), edge: () => edge };
  const own = { memory_bytes: 1, cpu_seconds: 1, started_at: 1 };
  return { host: hostText(agent, own), worker: workerText(ledger.status) };
}

/** Labels by the name of a figure; `instance` is Prometheus' own. */
async function shown(): Promise<Map<string, Set<string>>> {
  const { host, worker } = await scraped();
  const text = host + worker;
  const figures = new Map<string, Set<string>>();
  for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const known = figures.get(name) ?? new Set(['instance']);
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label);
    figures.set(name, known);
  }
  return figures;
}

const namesIn = (expr: string) => expr.match(/\b(?:edgeban|process)_\w+/g) ?? [];
const labelsIn = (expr: string) => [
  ...[...expr.matchAll(/\b(?:by|without|on) \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/, */)),
  ...[...expr.matchAll(/\{([^}]*)\}/g)].flatMap(([, list = '']) =>
    [...list.matchAll(/(\w+)[=!]/g)].map(([, name]) => name ?? ''),
  ),
];

describe('each expression', () => {
  it('asks for figures that there are, by labels that they have', async () => {
    const figures = await shown();
    for (const expr of [...asked, ...alerts]) {
      const names = namesIn(expr);
      expect(names.length, expr).toBeGreaterThan(0);
      for (const name of names) expect([...figures.keys()], expr).toContain(name);
      const labels = new Set(names.flatMap((name) => [...(figures.get(name) ?? [])]));
      for (const label of labelsIn(expr)) expect([...labels], expr).toContain(label);
    }
  });

  it('has its parentheses closed, and takes the rate of counters only', async () => {
    for (const expr of [...asked, ...alerts]) {
      expect(expr.split('(').length, expr).toBe(expr.split(')').length);
      for (const [, name = ''] of expr.matchAll(/\b(?:rate|increase)\((\w+)/g)) expect(name).toMatch(/_total$/);
    }
  });

  it('is one of many: no figure but a few is left out', async () => {
    const used = new Set([...asked, ...alerts].flatMap(namesIn));
    const unused = [...(await shown()).keys()].filter((name) => !used.has(name)).sort();
    expect(unused).toEqual(['edgeban_ranges', 'edgeban_snapshot_written_timestamp_seconds']);
  });
});

describe('promtool', () => {
  const tool = process.env['PROMTOOL'] ?? '';
  const run = (args: readonly string[], input = '') =>
    spawnSync(tool, args, { input, encoding: 'utf8', timeout: 60_000 });
  const missing = 'needs PROMTOOL, the path of promtool (.ci/promtool)';

  it('takes the rules', (context) => {
    if (tool === '') context.skip(missing);
    const ran = run(['check', 'rules', fileURLToPath(new URL('prometheus-rules.yml', docs))]);
    expect(ran.stderr + ran.stdout).toContain(`SUCCESS: ${alerts.length} rules found`);
  });

  it('takes each query of the dashboard', (context) => {
    if (tool === '') context.skip(missing);
    const own = asked.map((expr, n) => ({ record: `query_${n}`, expr: expr.replaceAll('$host', '.*') }));
    const file = join(mkdtempSync(join(tmpdir(), 'edgeban-promtool-')), 'queries.yml');
    onTestFinished(() => rmSync(dirname(file), { recursive: true }));
    // JSON is YAML
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: own }] }));
    const ran = run(['check', 'rules', file]);
    expect(ran.stderr + ran.stdout).toContain(`SUCCESS: ${asked.length} rules found`);
  });

  it('finds nothing to say of the figures', async (context) => {
    if (tool === '') context.skip(missing);
    for (const text of Object.values(await scraped()))
      expect(run(['check', 'metrics'], text)).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });
});

it('the dashboard has no two panels with one id or one place, and asks for its data source', () => {
  const { panels, templating } = dashboard;
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const [index, { gridPos: one, title }] of panels.entries())
    for (const { gridPos: other } of panels.slice(index + 1)) {
      const apart =
        one.x + one.w <= other.x ||
        other.x + other.w <= one.x ||
        one.y + one.h <= other.y ||
        other.y + other.h <= one.y;
      expect(apart, title).toBe(true);
    }
  for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  expect(templating.list.map(({ name, type }) => [name, type])).toEqual([
    ['datasource', 'datasource'],
    ['host', 'query'],
  ]);
});

it('each alert has a name of its own, an expression and a summary', () => {
  const names = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toHaveLength(alerts.length);
  expect([...rules.matchAll(/^ +summary: ".+"$/gm)]).toHaveLength(names.length);
});
