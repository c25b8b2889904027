/** Reads one TypeScript file into what the house rules ask about: imports, exports, functions, names used. */
import { parseAst } from 'vitest/node';

export interface Import {
  /** As written: './x.ts', 'zod', 'node:fs'. */
  readonly from: string;
  /** Names taken from there; `*` for a namespace, a dynamic import or a re-export of all, `default` for the default. */
  readonly names: readonly string[];
  /** Nothing of it is there at run time. */
  readonly typeOnly: boolean;
  readonly line: number;
}

export interface Named {
  readonly name: string;
  readonly line: number;
}

export interface Export extends Named {
  /** An interface or a type alias: nothing of it is there at run time. */
  readonly typeOnly: boolean;
}

export interface Func extends Named {
  readonly lines: number;
  /** The body of a `describe`: a list of tests, not one piece of work. */
  readonly isSuite: boolean;
}

export interface Source {
  /** From the checkout's root. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  readonly exports: readonly Export[];
  readonly functions: readonly Func[];
  /** Every name that is read and not a property, with `Math.random` and the like in one piece. */
  readonly uses: readonly Named[];
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export function readSource(path: string, text: string): Source {
  const starts = lineStarts(text);
  const lineAt = (offset: number) => starts.findLastIndex((start) => start <= offset) + 1;
  const found = { imports: [] as Import[], exports: [] as Export[], functions: [] as Func[], uses: [] as Named[] };
  const at = (node: Node, name: string): Named => ({ name, line: lineAt(node.start) });
  visit(parseAst(text, { lang: path.endsWith('x') ? 'tsx' : 'ts' }), null, (node, parent) => {
    const imported = importOf(node);
    if (imported !== null) found.imports.push({ ...imported, line: lineAt(node.start) });
    for (const { name, typeOnly } of exportsOf(node)) found.exports.push({ ...at(node, name), typeOnly });
    if (isFunction(node)) {
      const lines = lineAt(node.end) - lineAt(node.start) + 1;
      found.functions.push({ ...at(node, functionName(node, parent)), lines, isSuite: isSuite(parent) });
    }
    const used = nameUsed(node, parent);
    if (used !== null) found.uses.push(at(node, used));
  });
  return { path, text, lines: text.replace(/\n$/, '').split('\n').length, ...found };
}

function lineStarts(text: string): number[] {
  return [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** Every node of the tree, the outer before the inner. */
function visit(value: unknown, parent: Node | null, see: (node: Node, parent: Node | null) => void): void {
  if (Array.isArray(value)) for (const part of value) visit(part, parent, see);
  if (!isNode(value)) return;
  see(value, parent);
  for (const part of Object.values(value)) if (typeof part === 'object') visit(part, value, see);
}

function nodes(value: unknown): Node[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}

function nameOf(value: unknown): string {
  if (!isNode(value)) return '';
  return String(value['name'] ?? value['value'] ?? '');
}

function importOf(node: Node): Omit<Import, 'line'> | null {
  const source = node['source'];
  if (!isNode(source) || typeof source['value'] !== 'string') return null;
  const from = source['value'];
  switch (node.type) {
    case 'ImportDeclaration': {
      const parts = nodes(node['specifiers']);
      const areTypes = parts.length > 0 && parts.every((part) => part['importKind'] === 'type');
      return { from, names: parts.map(importedName), typeOnly: node['importKind'] === 'type' || areTypes };
    }
    case 'ExportNamedDeclaration': {
      const parts = nodes(node['specifiers']);
      return { from, names: parts.map((part) => nameOf(part['local'])), typeOnly: node['exportKind'] === 'type' };
    }
    case 'ExportAllDeclaration':
      return { from, names: ['*'], typeOnly: node['exportKind'] === 'type' };
    case 'ImportExpression':
      return { from, names: ['*'], typeOnly: false };
    case 'TSImportType':
      return { from, names: ['*'], typeOnly: true };
    default:
      return null;
  }
}

function importedName(part: Node): string {
  if (part.type === 'ImportSpecifier') return nameOf(part['imported']);
  return part.type === 'ImportDefaultSpecifier' ? 'default' : '*';
}

function exportsOf(node: Node): Omit<Export, 'line'>[] {
  if (node.type === 'ExportDefaultDeclaration') return [{ name: 'default', typeOnly: false }];
  if (node.type !== 'ExportNamedDeclaration') return [];
  const declared = node['declaration'];
  const isType = (part: Node) => part['exportKind'] === 'type' || node['exportKind'] === 'type';
  if (!isNode(declared))
    return nodes(node['specifiers']).map((part) => ({ name: nameOf(part['exported']), typeOnly: isType(part) }));
  const typeOnly = /^TS(Interface|TypeAlias)Declaration$/.test(declared.type);
  if (declared.type !== 'VariableDeclaration') return [{ name: nameOf(declared['id']), typeOnly }];
  return nodes(declared['declarations'])
    .flatMap((part) => patternNames(part['id']))
    .map((name) => ({ name, typeOnly }));
}

/** The names that a pattern such as `{ a, b: [c] }` declares. */
function patternNames(value: unknown): string[] {
  if (!isNode(value)) return [];
  switch (value.type) {
    case 'Identifier':
      return [nameOf(value)];
    case 'ObjectPattern':
      return nodes(value['properties']).flatMap((part) => patternNames(part['value']));
    case 'ArrayPattern':
      return nodes(value['elements']).flatMap(patternNames);
    case 'AssignmentPattern':
      return patternNames(value['left']);
    default:
      return [];
  }
}

function isFunction({ type }: Node): boolean {
  return type === 'FunctionDeclaration' || type === 'FunctionExpression' || type === 'ArrowFunctionExpression';
}

/** `describe('…', () => {…})` and `describe.for(…)('…', () => {…})`. */
function isSuite(parent: Node | null): boolean {
  let called: unknown = parent?.type === 'CallExpression' ? parent['callee'] : null;
  while (isNode(called) && called.type !== 'Identifier') called = called['object'] ?? called['callee'];
  return nameOf(called) === 'describe';
}

function functionName(node: Node, parent: Node | null): string {
  return nameOf(node['id']) || nameOf(parent?.['key']) || nameOf(parent?.['id']) || 'a function without a name';
}

/** A global object's member in one piece, otherwise the bare name; null for what is only a property's name. */
function nameUsed(node: Node, parent: Node | null): string | null {
  if (node.type === 'MetaProperty') return `${nameOf(node['meta'])}.${nameOf(node['property'])}`;
  if (node.type === 'MemberExpression' && isNode(node['object']) && node['object'].type === 'Identifier')
    return node['computed'] === true ? null : `${nameOf(node['object'])}.${nameOf(node['property'])}`;
  if (node.type !== 'Identifier' || parent === null) return null;
  if (parent.type === 'MetaProperty') return null;
  const isProperty = (parent['property'] === node || parent['key'] === node) && parent['computed'] !== true;
  return isProperty && parent['shorthand'] !== true ? null : nameOf(node);
}
