/** Shows the steps of the demo as they happen, for people or (`--json`) for programs. */

export interface Step {
  readonly name: string;
  readonly ok: boolean;
  readonly took_ms: number;
  /** What was read back from the real place; the error's text where the step failed. */
  readonly evidence: unknown;
}

export interface Screen {
  title(text: string): void;
  begin(what: string): void;
  end(step: Step): void;
  /** `set_up_ms`: what came before the first step. */
  close(steps: readonly Step[], total_ms: number): void;
}

const [bold, dim, red, green, plain] = process.stdout.isTTY
  ? ['\x1b[1m', '\x1b[2m', '\x1b[31m', '\x1b[32m', '\x1b[0m']
  : ['', '', '', '', ''];

export const forPeople: Screen = {
  title: (text) => console.log(`\n${bold}${text}${plain}\n`),
  begin: (what) => {
    if (process.stdout.isTTY) process.stdout.write(`${dim}  … ${what}${plain}\r`);
  },
  end: ({ name, ok, took_ms, evidence }) => {
    const mark = ok ? `${green}✓${plain}` : `${red}✗${plain}`;
    console.log(`${mark} ${bold}${name}${plain} ${dim}${(took_ms / 1000).toFixed(2)} s${plain}\x1b[K`);
    for (const line of linesOf(evidence)) console.log(`    ${dim}${line}${plain}`);
  },
  close: (steps, total_ms) => {
    const failed = steps.filter(({ ok }) => !ok);
    const all = failed.length === 0;
    const summary = all ? `all ${steps.length} steps hold` : `${failed.length} of ${steps.length} steps failed`;
    console.log(`\n${all ? green : red}${summary}${plain} in ${(total_ms / 1000).toFixed(1)} s`);
    // once more at the end, where a long log still shows it
    for (const { name, evidence } of failed) console.log(`failed: ${name}: ${linesOf(evidence).join(' ')}`);
  },
};

/** One line with one JSON object, at the end; what happens meanwhile goes to standard error. */
export const forPrograms: Screen = {
  title: () => undefined,
  begin: (what) => process.stderr.write(`… ${what}\n`),
  end: () => undefined,
  close: (steps, total_ms) => {
    const ok = steps.every((step) => step.ok);
    console.log(JSON.stringify({ ok, took_ms: Math.round(total_ms), steps }));
  },
};

function linesOf(evidence: unknown): string[] {
  if (typeof evidence === 'string') return evidence.trimEnd().split('\n');
  if (Array.isArray(evidence)) return evidence.flatMap(linesOf);
  return [JSON.stringify(evidence)];
}
