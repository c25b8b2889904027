/** Cloudflare's Lists API as enforcement needs it: find or make the list, page its items, start and poll operations. */
import { z } from 'zod';
import type { Client } from './client.ts';
import { CloudflareFailure } from './failure.ts';

export const listLimits = {
  /** Cloudflare's cap over all custom lists of an account (Enterprise has more). */
  items_max: 10_000,
  page_items: 500,
  pages_max: 24,
} as const;

const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);
const CustomList = z.object({ id, name: z.string(), kind: z.string(), num_items: z.number() });
export type CustomList = z.infer<typeof CustomList>;

const ListItem = z.object({ id, ip: z.string(), comment: z.string().nullish() });
export type ListItem = z.infer<typeof ListItem>;

export interface NewItem {
  readonly ip: string;
  readonly comment: string;
}

const Started = z.object({ operation_id: id });
const Operation = z.discriminatedUnion('status', [
  z.object({ status: z.literal(['pending', 'running']) }),
  z.object({ status: z.literal('completed') }),
  z.object({ status: z.literal('failed'), error: z.string().default('no reason given') }),
]);
export type OperationState = z.infer<typeof Operation>;

export interface Lists {
  all(): Promise<readonly CustomList[]>;
  create(name: string, description: string): Promise<CustomList>;
  /** Every item, page by page; fails if there are more pages than are read in one go. */
  items(list: string): Promise<readonly ListItem[]>;
  /** Each gives the id of the asynchronous operation. An address that is there already gets the new comment. */
  append(list: string, items: readonly NewItem[]): Promise<string>;
  remove(list: string, ids: readonly string[]): Promise<string>;
  poll(operation: string): Promise<OperationState>;
}

export function createLists(client: Client, accountId: string): Lists {
  const root = `/accounts/${accountId}/rules/lists`;

  async function items(list: string): Promise<readonly ListItem[]> {
    const found: ListItem[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < listLimits.pages_max; page++) {
      const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const path = `${root}/${list}/items?per_page=${listLimits.page_items}${query}`;
      const answer = await client.call({ method: 'GET', path }, z.array(ListItem).nullable());
      found.push(...(answer.result ?? (await none(list, path))));
      cursor = answer.after;
      if (cursor === null) return found;
    }
    const message = `the list has more than ${listLimits.pages_max * listLimits.page_items} items`;
    throw new CloudflareFailure('ERR_CLOUDFLARE_LIST', message, { outcome: 'refused', retryAfter: null });
  }

  /** Null may be how an empty list is told; to believe it of any other would be to take over what is others'. */
  async function none(list: string, path: string): Promise<readonly ListItem[]> {
    const { num_items } = (await client.call({ method: 'GET', path: `${root}/${list}` }, CustomList)).result;
    if (num_items === 0) return [];
    const message = `GET ${path.replace(/\?.*/, '')}: no items, but the list has ${num_items}`;
    throw new CloudflareFailure('ERR_CLOUDFLARE_ANSWER', message, { outcome: 'unknown', retryAfter: null });
  }

  async function start(method: 'POST' | 'DELETE', list: string, body: unknown): Promise<string> {
    const answer = await client.call({ method, path: `${root}/${list}/items`, body }, Started);
    return answer.result.operation_id;
  }

  return {
    all: async () => (await client.call({ method: 'GET', path: root }, z.array(CustomList).nullable())).result ?? [],
    create: async (name, description) => {
      const body = { name, kind: 'ip', description };
      return (await client.call({ method: 'POST', path: root, body }, CustomList)).result;
    },
    items,
    append: (list, added) => start('POST', list, added),
    remove: (list, ids) => start('DELETE', list, { items: ids.map((each) => ({ id: each })) }),
    poll: async (operation) => {
      const path = `${root}/bulk_operations/${operation}`;
      return (await client.call({ method: 'GET', path }, Operation)).result;
    },
  };
}
