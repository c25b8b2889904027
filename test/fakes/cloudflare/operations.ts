/** The fake's bulk operations: asynchronous, one at a time in the account, with the cap on items at their end. */
import { isIP } from 'node:net';
import type { BulkOperationGetResponse } from 'cloudflare/resources/rules/lists/bulk-operations';
import type { ItemCreateResponse, ItemDeleteResponse } from 'cloudflare/resources/rules/lists/items';
import { formatPrefix, parsePrefix, width } from '../../../shared/address.ts';
import { findList } from './lists.ts';
import { granted, Refusal, type Reply } from './reply.ts';
import type { Item, Operation, StoredList } from './state.ts';
import { type Asked, newId, objectOf, pendingOperation, stamp, textOf, type World } from './world.ts';

const operations_kept_max = 500;
const comment_length_max = 500;
const narrowest = { 4: 8, 6: 12 } as const;

type NewItem = Operation['items'][number];

export function appendItems(world: World, asked: Asked): Reply {
  const list = findList(world, asked);
  return begin(world, list, { kind: 'append', items: newItems(asked.body, 1), ids: [] });
}

export function replaceItems(world: World, asked: Asked): Reply {
  const list = findList(world, asked);
  return begin(world, list, { kind: 'replace', items: newItems(asked.body, 0), ids: [] });
}

export function deleteItems(world: World, asked: Asked): Reply {
  const list = findList(world, asked);
  const { items } = objectOf(asked.body, ['items']);
  if (!Array.isArray(items) || items.length === 0) throw new Refusal(400, 10026, 'items must be a non-empty array');
  const ids = items.map((item: unknown) => textOf(objectOf(item, ['id'])['id'], 'id', 32));
  return begin(world, list, { kind: 'delete', items: [], ids });
}

export function pollOperation(world: World, asked: Asked): Reply {
  const operation = world.state.operations.find((each) => each.id === asked.params['operation']);
  if (operation === undefined || operation.fate === 'forgotten' || operation.fate === 'dropped') {
    throw new Refusal(404, 10029, 'bulk operation not found');
  }
  return granted(answerFor(world, operation));
}

function answerFor(world: World, operation: Operation): BulkOperationGetResponse {
  const { id, completed_ms, error, began_ms, due_ms } = operation;
  if (completed_ms === null) {
    return { id, status: world.now() < (began_ms + due_ms) / 2 ? 'pending' : 'running' };
  }
  const completed = stamp(completed_ms);
  return error === null ? { id, status: 'completed', completed } : { id, status: 'failed', completed, error };
}

function begin(world: World, list: StoredList, what: Pick<Operation, 'kind' | 'items' | 'ids'>): Reply {
  if (pendingOperation(world) !== null) {
    throw new Refusal(429, 10023, 'an outstanding bulk operation is in progress; try again later');
  }
  const now = world.now();
  const operation: Operation = {
    ...what,
    id: newId(),
    list: list.id,
    began_ms: now,
    due_ms: now + world.state.operation_ms,
    fate: world.state.fates.shift() ?? 'done',
    completed_ms: null,
    error: null,
  };
  world.state.operations = [...world.state.operations, operation].slice(-operations_kept_max);
  const result: ItemCreateResponse & ItemDeleteResponse = { operation_id: operation.id };
  return granted(result);
}

/** Ends every operation whose time has come. Called before each request is looked at. */
export function settleOperations(world: World): void {
  if (world.state.frozen) return;
  for (const operation of world.state.operations) {
    if (operation.completed_ms === null && operation.fate !== 'stuck' && operation.due_ms <= world.now()) {
      finish(world, operation);
    }
  }
}

function finish(world: World, operation: Operation): void {
  operation.completed_ms = operation.due_ms;
  const before = world.state.items[operation.list];
  if (operation.fate === 'dropped') return;
  if (operation.fate === 'failed') operation.error = 'internal error, please try again';
  else if (before === undefined) operation.error = 'list not found';
  else apply(world, operation, before);
}

function apply(world: World, operation: Operation, before: readonly Item[]): void {
  const after = outcome(world, operation, before);
  const elsewhere = Object.entries(world.state.items)
    .filter(([id]) => id !== operation.list)
    .reduce((sum, [, items]) => sum + items.length, 0);
  if (after.length > before.length && after.length + elsewhere > world.options.limits.items_max) {
    operation.error = 'This list is at the maximum number of items';
    return;
  }
  world.state.items[operation.list] = after;
}

function outcome(world: World, operation: Operation, before: readonly Item[]): Item[] {
  switch (operation.kind) {
    case 'delete': {
      const gone = new Set(operation.ids);
      return before.filter((item) => !gone.has(item.id));
    }
    case 'replace':
      return merge(world, [], operation.items);
    case 'append':
      return merge(world, before, operation.items);
  }
}

/** An address that is already there keeps its item and id; its comment is overwritten, whoever wrote it. */
export function merge(world: World, before: readonly Item[], added: readonly NewItem[]): Item[] {
  const at = stamp(world.now());
  const items = new Map(before.map((item) => [identity(item.ip), item]));
  for (const { ip, comment } of added) {
    const known = items.get(identity(ip));
    const item = known ?? { id: newId(), ip: spelling(world, ip), created_on: at };
    const { id, ip: text, created_on } = item;
    items.set(identity(ip), {
      id,
      ip: text,
      created_on,
      modified_on: at,
      ...(comment === undefined ? {} : { comment }),
    });
  }
  return [...items.values()];
}

function newItems(body: unknown, count_min: number): NewItem[] {
  if (!Array.isArray(body) || body.length < count_min) throw new Refusal(400, 10026, 'body must be an array of items');
  const items = body.map(newItem);
  if (new Set(items.map(({ ip }) => identity(ip))).size !== items.length) {
    throw new Refusal(400, 10030, 'duplicate items in request');
  }
  return items;
}

function newItem(value: unknown): NewItem {
  const item = objectOf(value, ['ip', 'comment']);
  const ip = textOf(item['ip'], 'ip', 50).toLowerCase();
  if (!acceptable(ip)) throw new Refusal(400, 10031, `invalid IP address or CIDR "${ip}"`);
  if (item['comment'] === undefined) return { ip };
  return { ip, comment: textOf(item['comment'], 'comment', comment_length_max) };
}

/** IPv4 /8 to /32, IPv6 /12 to /128, no host bits. */
function acceptable(ip: string): boolean {
  const [address = '', bits] = ip.split('/');
  const prefix = parsePrefix(ip);
  if (isIP(address) === 0 || prefix === null || (bits !== undefined && !/^\d+$/.test(bits))) return false;
  const single = parsePrefix(address);
  return prefix.bits >= narrowest[prefix.family] && single?.first === prefix.first;
}

function identity(ip: string): string {
  const prefix = parsePrefix(ip);
  return prefix === null ? ip : formatPrefix(prefix);
}

export function spelling(world: World, ip: string): string {
  const prefix = parsePrefix(ip);
  if (prefix === null || prefix.family === 4) return ip.replace(/\/32$/, '');
  if (world.state.v6 === 'kept') return ip;
  const hex = prefix.first.toString(16).padStart(width(6) / 4, '0');
  return `${hex.match(/.{4}/g)?.join(':')}${ip.includes('/') ? `/${prefix.bits}` : ''}`;
}
