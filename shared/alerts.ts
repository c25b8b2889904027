/** What people are told of an incident: the message, its forms for who carries it, and how sending it went. */
import { z } from 'zod';
import { incidentKinds, type News } from './incidents.ts';
import type { Seconds, UnixTime } from './time.ts';

/** What leaves the program, as JSON. `id` is the same however often it is sent. */
export interface Alert {
  readonly id: string;
  readonly phase: News['phase'];
  /** One of incidentKinds, or what a newer Worker knows. */
  readonly kind: string;
  readonly about: string;
  readonly title: string;
  readonly text: string;
  readonly remedy: string;
  /** Who noticed it: `worker`, or the host's name. */
  readonly source: string;
  readonly since: UnixTime;
  readonly ended: UnixTime | null;
}

export function alertOf({ phase, incident }: News, source: string, id: string): Alert {
  const { kind, about, text, since, ended } = incident;
  const { title, remedy } = incidentKinds[kind];
  const whole = about === '' ? title : `${title}: ${about}`;
  return { id, phase, kind, about, title: whole, text, remedy, source, since, ended };
}

/** For people: a line for the subject, and what stands below it. `timeText` writes a time. */
export function alertWords(
  alert: Alert,
  timeText: (at: UnixTime) => string,
): { readonly subject: string; readonly body: string } {
  const { phase, title, text, remedy, source, since, ended } = alert;
  if (phase === 'began') {
    const body = `${text}\n\nSince ${timeText(since)} (${source}).\n\nWhat to do: ${remedy}`;
    return { subject: `[edgeban] ${title}`, body };
  }
  const times = `From ${timeText(since)} to ${timeText(ended ?? since)}.`;
  return { subject: `[edgeban] over: ${title}`, body: `It is over (${source}).\n\n${times}\n\n${text}` };
}

/** As ntfy takes it in the body of a publication to its root; `topic` is the last part of the topic's address. */
export function ntfyOf(
  alert: Alert,
  topic: string,
  timeText: (at: UnixTime) => string,
): Readonly<Record<string, unknown>> {
  const { subject, body } = alertWords(alert, timeText);
  const isOver = alert.phase === 'ended';
  const look = { priority: isOver ? 3 : 4, tags: [isOver ? 'white_check_mark' : 'warning'] };
  return { topic, title: subject, message: body, ...look };
}

/** The part of a Response that matters here. */
interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly body: { cancel(): Promise<void> } | null;
}

/** How sending went; null: it has arrived. Never names the address: it is a secret often enough. */
export async function troubleOf(sending: Promise<Answer>): Promise<string | null> {
  try {
    const answer = await sending;
    await answer.body?.cancel();
    return answer.ok ? null : `it answered ${answer.status}`;
  } catch (error) {
    return error instanceof Error && error.name === 'TimeoutError'
      ? 'it did not answer in time'
      : 'it cannot be reached';
  }
}

/** Seconds until it is tried again after `attempts` have failed; null: it is given up. */
export function retryAfter(attempts: number): Seconds | null {
  return attempts >= 12 ? null : Math.min(30 * 2 ** (attempts - 1), 3_600);
}

/**
 * What an enrolled host is told of the Worker's incidents, to pass it on: names only. A stolen key reads nothing of Cloudflare's
 * answers, of lists, or of how much is banned.
 */
export const AlertsPage = z.object({
  ledger: z.uuid(),
  /** To be given with the next question. */
  last: z.number().int().min(0),
  alerts: z
    .array(
      z.object({
        n: z.number().int(),
        phase: z.enum(['began', 'ended']),
        /** One of incidentKinds; a newer Worker may know more. */
        kind: z.string().max(40),
        about: z.string().max(100),
        since: z.number(),
        ended: z.number().nullable(),
      }),
    )
    .max(100),
});
export type AlertsPage = z.infer<typeof AlertsPage>;
