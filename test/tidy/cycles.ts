/** No value-import cycles: Tarjan's strongly connected components over the parsed imports. */
import type { Source } from './source.ts';
import { resolve } from './tree.ts';

/** Each cycle's files on one line; type-only imports are no edges, for nothing of them is there at run time. */
export function cycles(sources: readonly Source[]): string[] {
  const graph = new Map(sources.map((source) => [source.path, targets(source)]));
  return components(graph)
    .filter((files) => files.length > 1 || graph.get(files[0] ?? '')?.includes(files[0] ?? ''))
    .map((files) => `import each other: ${files.toSorted().join(', ')}`);
}

function targets({ path, imports }: Source): string[] {
  return imports.filter(({ typeOnly }) => !typeOnly).flatMap(({ from }) => resolve(path, from) ?? []);
}

interface Mark {
  readonly index: number;
  low: number;
  isOpen: boolean;
}

function components(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const marks = new Map<string, Mark>();
  const open: string[] = [];
  const found: string[][] = [];
  const enter = (file: string): Mark => {
    const mark: Mark = { index: marks.size, low: marks.size, isOpen: true };
    marks.set(file, mark);
    open.push(file);
    for (const target of graph.get(file) ?? []) {
      const seen = marks.get(target);
      if (seen === undefined) mark.low = Math.min(mark.low, enter(target).low);
      else if (seen.isOpen) mark.low = Math.min(mark.low, seen.index);
    }
    if (mark.low === mark.index) found.push(close(file));
    return mark;
  };
  const close = (file: string): string[] => {
    const component = open.splice(open.indexOf(file));
    for (const member of component) {
      const mark = marks.get(member);
      if (mark !== undefined) mark.isOpen = false;
    }
    return component;
  };
  for (const file of graph.keys()) if (!marks.has(file)) enter(file);
  return found;
}
