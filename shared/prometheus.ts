/** Figures as Prometheus reads them (text format 0.0.4). */

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter';
  readonly samples: readonly (readonly [number, Readonly<Record<string, string>>?])[];
}

/** Ends with a line end, as the format asks. */
export function familiesText(families: readonly Family[]): string {
  return families.flatMap(familyLines).join('');
}

function familyLines({ name, help, type, samples }: Family): string[] {
  const lines = samples.map(([value, labels = {}]) => `${name}${labelsText(labels)} ${value}\n`);
  return [`# HELP ${name} ${help}\n`, `# TYPE ${name} ${type}\n`, ...lines];
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function escaped(value: string): string {
  return value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
}
