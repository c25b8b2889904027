/** The fake's Lists: making, reading and removing a list, and paging through its items. */
import type { ListsList } from 'cloudflare/resources/rules/lists/lists';
import { granted, Refusal, type Reply } from './reply.ts';
import type { Item, StoredList } from './state.ts';
import { type Asked, newId, objectOf, orNull, pendingOperation, stamp, textOf, type World } from './world.ts';

const description_length_max = 500;
const page_max = 500;

export function allLists(world: World): Reply {
  return granted(
    orNull(
      world,
      world.state.lists.map((list) => counted(world, list)),
    ),
  );
}

export function oneList(world: World, asked: Asked): Reply {
  return granted(counted(world, findList(world, asked)));
}

export function createList(world: World, asked: Asked): Reply {
  const body = objectOf(asked.body, ['name', 'kind', 'description']);
  const name = textOf(body['name'], 'name', 50);
  if (!/^[a-z0-9_]{1,50}$/.test(name)) throw new Refusal(400, 10027, 'invalid list name');
  if (body['kind'] !== 'ip') throw new Refusal(400, 10028, 'list kind not available on this plan');
  const description = textOf(body['description'] ?? '', 'description', description_length_max);
  if (world.state.lists.some((list) => list.name === name)) {
    throw new Refusal(400, 10009, 'a list with this name already exists');
  }
  if (world.state.lists.length >= world.options.limits.lists_max) {
    throw new Refusal(400, 10021, 'this account is at its maximum number of lists');
  }
  return granted(counted(world, addList(world, name, description)));
}

export function addList(world: World, name: string, description: string): StoredList {
  const at = stamp(world.now());
  const list: StoredList = { id: newId(), name, kind: 'ip', description, created_on: at, modified_on: at };
  world.state.lists.push(list);
  world.state.items[list.id] = [];
  return list;
}

/** Refused while a rule, even a disabled one, names the list. */
export function deleteList(world: World, asked: Asked): Reply {
  const list = findList(world, asked);
  if (referencing(world, list.name) > 0) throw new Refusal(400, 10022, 'list is referenced by a filter or rule');
  if (pendingOperation(world) !== null) throw new Refusal(429, 10023, 'a bulk operation is in progress');
  removeList(world, list.id);
  return granted({ id: list.id });
}

export function removeList(world: World, id: string): void {
  world.state.lists = world.state.lists.filter((list) => list.id !== id);
  delete world.state.items[id];
}

/** `per_page` up to 500, an opaque `cursor`, and `search`, which is a prefix of the text and knows nothing of networks. */
export function listItems(world: World, asked: Asked): Reply {
  const list = findList(world, asked);
  const size = pageSize(asked.query.get('per_page'));
  const after = readCursor(asked.query.get('cursor'));
  const search = asked.query.get('search') ?? '';
  const found = itemsOf(world, list.id)
    .filter((item) => item.ip.startsWith(search) && item.id > after)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const page = found.slice(0, size);
  const last = page.at(-1);
  if (last === undefined || found.length <= size) return granted(orNull(world, page));
  return granted(page, { cursors: { after: writeCursor(last.id) } });
}

export function itemsOf(world: World, id: string): readonly Item[] {
  return world.state.items[id] ?? [];
}

export function findList(world: World, asked: Asked): StoredList {
  const list = world.state.lists.find((each) => each.id === asked.params['list']);
  if (list === undefined) throw new Refusal(404, 10001, 'list not found');
  return list;
}

function counted(world: World, list: StoredList): ListsList {
  return {
    ...list,
    num_items: itemsOf(world, list.id).length,
    num_referencing_filters: referencing(world, list.name),
  };
}

function referencing(world: World, name: string): number {
  const rules = Object.values(world.state.rulesets).flatMap((ruleset) => ruleset.rules);
  return rules.filter((rule) => namesIn(rule.expression).includes(name)).length;
}

/** The lists that an expression names (`$name`). */
export function namesIn(expression: string): string[] {
  return [...expression.matchAll(/\$([a-z0-9_]+)/g)].map((match) => match[1] ?? '');
}

function pageSize(text: string | null): number {
  if (text === null) return 25;
  const size = Number(text);
  if (Number.isInteger(size) && size >= 1 && size <= page_max) return size;
  throw new Refusal(400, 10024, `per_page must be between 1 and ${page_max}`);
}

function writeCursor(id: string): string {
  return Buffer.from(`after:${id}`).toString('base64url');
}

function readCursor(text: string | null): string {
  if (text === null) return '';
  const plain = Buffer.from(text, 'base64url').toString();
  if (!/^after:[0-9a-f]{32}$/.test(plain)) throw new Refusal(400, 10025, 'invalid cursor');
  return plain.slice('after:'.length);
}
