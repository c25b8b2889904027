/** All that a host knows of one address, or of any other id that jails ban: what `explain` answers. Times are in Unix seconds. */
import { z } from 'zod';
import { EdgeStory } from './wire.ts';

const time = z.number();
const until = time.nullable();

const BanStory = z.object({
  at: time,
  until,
  /** Seconds; -1: for ever. */
  bantime: z.number(),
  /** How many times the jail has banned it, this one included. */
  count: z.number(),
  failures: z.number(),
});
export type BanStory = z.infer<typeof BanStory>;

const LineStory = z.object({
  line: z.string(),
  time: time.nullable(),
  /** Which failregex hit, from 0, and its text; null where the jail's filter finds nothing in the line today. */
  regex: z.object({ index: z.number(), text: z.string() }).nullable(),
  /** From and to, in characters of the line: what the regex has caught. */
  marks: z.array(z.tuple([z.number(), z.number()])),
  /** What was counted then against maxretry, these lines taken by themselves. */
  count: z.number().nullable(),
});
export type LineStory = z.infer<typeof LineStory>;

/** `blocked`, `missing`: the firewall was asked just now. `done`, `failed`: a command was run for the ban. */
const ActionState = z.enum(['blocked', 'missing', 'done', 'failed', 'unknown']);
export type ActionState = z.infer<typeof ActionState>;

const JailStory = z.object({
  jail: z.string(),
  /** An error in its configuration keeps it from running: nothing is counted, and what it has banned stays. */
  leftOut: z.boolean(),
  maxretry: z.number(),
  /** Seconds, as is bantime. */
  findtime: z.number(),
  bantime: z.number(),
  /** Why its failures do not count here. */
  spared: z.object({ by: z.string(), entry: z.string() }).nullable(),
  /** The failures that led to the ban, and those that are counted now, as far as their lines are kept; oldest first. */
  lines: z.array(LineStory),
  /** What is counted now, towards the next ban; null: nothing. */
  counter: z.object({ retry: z.number(), failures: z.number(), first: time, last: time }).nullable(),
  ban: BanStory.nullable(),
  actions: z.array(z.object({ action: z.string(), state: ActionState })),
  /** All its bans that are remembered: how many, and the newest. */
  past: z.object({ count: z.number(), at: time }).nullable(),
  /** Newest first. */
  history: z.array(BanStory),
});
export type JailStory = z.infer<typeof JailStory>;

export const Story = z.object({
  id: z.string(),
  now: time,
  /** What forbids every ban of it; null: nothing. */
  guard: z.object({ code: z.string(), message: z.string() }).nullable(),
  /** Of the jails that know something of it; the others by name. */
  jails: z.array(JailStory),
  strangers: z.array(z.string()),
  /** Who else holds it, as the feed has told; empty where the host is not enrolled. */
  holders: z.array(z.object({ host: z.string(), jail: z.string(), at: time, until })),
  /** What the Worker answers, just asked; null: the host is not enrolled, or `edgeTrouble` says why there is no answer. */
  edge: EdgeStory.nullable(),
  edgeTrouble: z.string().nullable(),
});
export type Story = z.infer<typeof Story>;
