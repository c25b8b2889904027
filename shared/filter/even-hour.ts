/** Hours in which each second of a date's text is one of Unix time: no zone changes in them, and no guess turns. */
import type { DateTemplate } from './datetemplates.ts';
import type { DateContext, DateParts } from './datevalue.ts';

/**
 * Whether the dates of the hour which `parts` tell, with any minute and second, stand in Unix time as they do in it. Its ends
 * say it: a zone goes over to its new offset at one moment of the clock on the wall, and a guess only ever goes back, so that
 * nothing between the ends makes good again what one of them has moved.
 */
export function isEvenHour(template: DateTemplate, parts: DateParts, context: DateContext): boolean {
  const first = template.read({ groups: { ...parts, M: '00', S: '00' } }, context);
  const last = template.read({ groups: { ...parts, M: '59', S: '59' } }, context);
  return typeof first === 'number' && last === first + 3_599;
}
