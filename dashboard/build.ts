/** Makes the dashboard one HTML file, and the policy that lets its own script and style run and nothing else: dist/dashboard.json. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

export interface Page {
  readonly html: string;
  /** Content-Security-Policy. */
  readonly policy: string;
}

const here = import.meta.dirname;
const target = join(here, '../dist/dashboard.json');

/** Writes the page where the Worker and the host's programs look for it. */
export async function buildDashboard(): Promise<Page> {
  const [script, style] = await Promise.all([bundle('main.tsx'), bundle('style.css')]);
  const html = readFileSync(join(here, 'page.html'), 'utf8')
    .replace('/* style */', () => style)
    .replace('/* script */', () => script);
  const page = { html, policy: policyFor(script, style) };
  mkdirSync(join(here, '../dist'), { recursive: true });
  // whole or not at all: two test runs may build at once
  const draft = `${target}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(page));
  renameSync(draft, target);
  return page;
}

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(here, entry)],
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    target: ['chrome120', 'firefox121', 'safari17'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'error',
  });
  const text = outputFiles[0]?.text.trim() ?? '';
  if (/<\/?(?:script|style|!--)/i.test(text)) throw new Error(`${entry}: the text would end its own element`);
  return text;
}

/** No inline code but these two, no code out of text, no other place to load from, to send to, or to be framed by. */
function policyFor(script: string, style: string): string {
  return [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

if (import.meta.main) await buildDashboard();
