/** What the documents say, held to what there is: programs, scripts, paths, limits, error codes. */
import type { Source } from './source.ts';
import type { TextFile } from './tree.ts';

const bin = 'host-agent/bin/';

/** Each program that a document names is there and can be started. */
export function missingPrograms(documents: readonly TextFile[], files: readonly TextFile[]): string[] {
  return documents.flatMap(({ path, text }) => {
    const names = new Set(text.match(/\bedgeban-[a-z]+\b/g));
    return [...names, ...(/`[^`]*\bedgeban [a-z]/.test(text) ? ['edgeban'] : [])].flatMap((name) => {
      const program = files.find((file) => file.path === bin + name);
      if (program === undefined) return [`${path}: names ${name}, and there is no ${bin}${name}`];
      return program.isExecutable ? [] : [`${path}: names ${name}, which cannot be executed`];
    });
  });
}

/** Each `npm run X` that a document, a script or a program's message names is in package.json. */
export function missingScripts(files: readonly TextFile[], scripts: readonly string[]): string[] {
  return files.flatMap(({ path, text }) =>
    [...text.matchAll(/\bnpm (?:run ([a-z][a-z:-]*)|(test|start)\b)/g)].flatMap(([words, run, verb]) =>
      scripts.includes(run ?? verb ?? '') ? [] : [`${path}: names "${words}", which package.json does not have`],
    ),
  );
}

/** Each path of the checkout that a document names in back quotes is there. */
export function missingPaths(documents: readonly TextFile[], files: readonly TextFile[]): string[] {
  return documents.flatMap(({ path, text }) =>
    [...text.matchAll(/`((?:shared|host-agent|worker|dashboard|test|docs|\.ci)\/[\w./-]*)`/g)]
      .map(([, named]) => named ?? '')
      .filter(
        (named) => !files.some((file) => file.path === named || file.path.startsWith(`${named.replace(/\/$/, '')}/`)),
      )
      .map((named) => `${path}: names ${named}, which is not there`),
  );
}

/** Each file that a document links to is there. */
export function brokenLinks(documents: readonly TextFile[], files: readonly TextFile[]): string[] {
  return documents.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)]
      .map(([, link]) => new URL(link ?? '', `file:///${path}`).pathname.slice(1))
      .filter((target) => !files.some((file) => file.path === target))
      .map((target) => `${path}: links to ${target}, which is not there`),
  );
}

/** Each exported table of limits is in ARCHITECTURE.md. */
export function untoldLimits(sources: readonly Source[], architecture: string): string[] {
  return sources
    .filter(({ path }) => /^(shared|host-agent|worker|dashboard)\//.test(path))
    .flatMap(({ path, exports }) =>
      exports
        .filter(({ name, typeOnly }) => !typeOnly && name.endsWith('Limits') && !architecture.includes(`\`${name}\``))
        .map(({ name, line }) => `${path}:${line}: ${name} is missing in ARCHITECTURE.md, "Limits"`),
    );
}

interface Code {
  readonly status: number;
  readonly title: string;
}

const remedy_length_min = 10;

/** The table `| code | status | what happened | what to do |` against shared/errors.ts: all and only its codes. */
export function wrongCodes(document: string, codes: Readonly<Record<string, Code>>): string[] {
  const rows = document
    .split('\n')
    .filter((line) => line.startsWith('| `ERR_'))
    .map((line) =>
      line
        .replaceAll('\\', '')
        .split('|')
        .map((cell) => cell.trim()),
    );
  const told = new Map(rows.map((row) => [(row[1] ?? '').replaceAll('`', ''), row]));
  const untold = Object.entries(codes).filter(([code]) => !told.has(code));
  return [
    ...untold.map(([code, { status, title }]) => `missing: | \`${code}\` | ${status} | ${title} | what to do |`),
    ...[...told].flatMap(([code, row]) => wrongRow(code, row, codes[code])),
    ...(rows.length === told.size ? [] : ['a code stands twice']),
  ];
}

function wrongRow(name: string, [, , status, title, remedy = '']: readonly string[], code: Code | undefined): string[] {
  if (code === undefined) return [`${name}: not in shared/errors.ts`];
  return [
    ...(status === String(code.status) ? [] : [`${name}: the status is ${code.status}`]),
    ...(title === code.title ? [] : [`${name}: the title is: ${code.title}`]),
    ...(remedy.length >= remedy_length_min ? [] : [`${name}: does not say what to do`]),
  ];
}
