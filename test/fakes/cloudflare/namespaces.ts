/** The fake's KV namespaces: made, listed, removed; never their keys. */
import type { Namespace } from 'cloudflare/resources/kv/namespaces/namespaces';
import { granted, Refusal, type Reply } from './reply.ts';
import { type Asked, newId, objectOf, textOf, type World } from './world.ts';

const page_max = 1000;

export function allNamespaces(world: World, asked: Asked): Reply {
  const per_page = numberOf(asked.query.get('per_page'), 20);
  const page = numberOf(asked.query.get('page'), 1);
  if (per_page < 1 || per_page > page_max) throw new Refusal(400, 10022, 'per_page is out of range');
  const all = world.state.namespaces;
  const found: readonly Namespace[] = all.slice((page - 1) * per_page, page * per_page);
  const total_pages = Math.max(1, Math.ceil(all.length / per_page));
  return granted(found, { page, per_page, count: found.length, total_count: all.length, total_pages });
}

export function createNamespace(world: World, asked: Asked): Reply {
  const title = textOf(objectOf(asked.body, ['title'])['title'], 'title', 512);
  if (world.state.namespaces.some((each) => each.title === title))
    throw new Refusal(400, 10014, 'a namespace with this account ID and title already exists');
  const made = { id: newId(), title, supports_url_encoding: true };
  world.state.namespaces.push(made);
  return granted(made);
}

export function deleteNamespace(world: World, asked: Asked): Reply {
  const { namespace } = asked.params;
  const left = world.state.namespaces.filter(({ id }) => id !== namespace);
  if (left.length === world.state.namespaces.length) throw new Refusal(404, 10013, 'namespace not found');
  world.state.namespaces = left;
  return granted(null);
}

function numberOf(text: string | null, usual: number): number {
  return text === null ? usual : Number(text);
}
