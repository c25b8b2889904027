/** Links to debuggex.com (`-D`): a line beside each regex that it was tried with. */
import { expandTags } from '../../shared/filter/tags.ts';

export interface DebuggexOptions {
  /** False for usedns = no: `<HOST>` then takes addresses only. */
  readonly names: boolean;
  readonly multiline: boolean;
}

/** fail2ban-regex's line for the lists: the line, the regex as configured, and the link with both. */
export function debuggexLine(line: string, regex: string, { names, multiline }: DebuggexOptions): string {
  const query = new URLSearchParams({ re: expandTags(regex, names), str: line, flavor: 'python' });
  if (multiline) query.set('flags', 'm');
  // Python's urlencode leaves other characters as they are than the URL standard
  const text = query.toString().replaceAll('*', '%2A').replaceAll('%7E', '~');
  return `${line} | ${regex} |  https://www.debuggex.com/?${text}`;
}
