/** The fake's Workers: uploads with their bindings and migrations, secrets, workers.dev; what wrangler asks on its way. */
import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Part } from './multipart.ts';
import { granted, Refusal, type Reply } from './reply.ts';
import type { Script } from './state.ts';
import { type Asked, newId, objectOf, stamp, type World } from './world.ts';

const Binding = z.looseObject({ name: z.string(), type: z.string() });
const Metadata = z.looseObject({
  main_module: z.string(),
  bindings: z.array(Binding).default([]),
  compatibility_date: z.string(),
  migrations: z
    .looseObject({
      old_tag: z.string().optional(),
      new_tag: z.string(),
      steps: z.array(z.looseObject({ new_sqlite_classes: z.array(z.string()).optional() })),
    })
    .optional(),
  keep_bindings: z.array(z.string()).default([]),
});
type Metadata = z.infer<typeof Metadata>;

const bindingTypes = ['plain_text', 'secret_text', 'kv_namespace', 'durable_object_namespace'];

export function allScripts(world: World): Reply {
  return granted(Object.values(world.state.scripts).map(summaryOf));
}

/** The upload of a new Worker, or of one with a migration: it is deployed at once. */
export function uploadScript(world: World, asked: Asked): Reply {
  const script = readUpload(world, asked);
  world.state.scripts[script.name] = script;
  return granted({ ...summaryOf(script), startup_time_ms: 3, has_modules: true });
}

/** The upload of a version: nothing runs it until it is deployed. */
export function uploadVersion(world: World, asked: Asked): Reply {
  const before = scriptOf(world, asked);
  const script = readUpload(world, asked);
  if (script.tag !== before.tag) throw new Refusal(400, 10211, 'migrations must be fully applied by a deployment');
  const id = randomUUID();
  world.state.versions[id] = script;
  const { etag } = script;
  return granted({ id, startup_time_ms: 3, resources: { script: { etag } }, metadata: { hasPreview: false } });
}

const Deployment = z.looseObject({
  strategy: z.literal('percentage'),
  versions: z.array(z.strictObject({ version_id: z.string(), percentage: z.literal(100) })).length(1),
});

export function deployVersion(world: World, asked: Asked): Reply {
  const { name } = scriptOf(world, asked);
  const parsed = Deployment.safeParse(asked.body);
  const version = world.state.versions[parsed.data?.versions[0]?.version_id ?? ''];
  if (version === undefined || version.name !== name) throw new Refusal(400, 10208, 'no such version');
  world.state.scripts[name] = version;
  return granted({ id: randomUUID(), strategy: 'percentage', versions: parsed.data?.versions });
}

function readUpload(world: World, asked: Asked): Script {
  const parts = asked.parts ?? [];
  const metadata = readMetadata(parts);
  if (!parts.some(({ name }) => name === metadata.main_module))
    throw new Refusal(400, 10021, `Uncaught Error: No such module "${metadata.main_module}".`);
  const name = asked.params['script'] ?? '';
  const before = world.state.scripts[name];
  checkBindings(world, metadata);
  const { tag, classes } = migrated(before, metadata);
  checkClasses(metadata, classes);
  const at = stamp(world.now());
  const modules = parts.filter(({ name: each }) => each !== 'metadata');
  return {
    name,
    tag,
    classes,
    bindings: [...keptBindings(before, metadata), ...metadata.bindings],
    compatibility_date: metadata.compatibility_date,
    etag: etagOf(modules),
    created_on: before?.created_on ?? at,
    modified_on: at,
    uploads: (before?.uploads ?? 0) + 1,
    subdomain: before?.subdomain ?? false,
  };
}

function readMetadata(parts: readonly Part[]): Metadata {
  const text = parts.find(({ name }) => name === 'metadata')?.text;
  if (text === undefined) throw new Refusal(400, 10002, 'metadata is missing');
  const parsed = Metadata.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new Refusal(400, 10021, `invalid metadata: ${parsed.error.message.slice(0, 200)}`);
}

function checkBindings(world: World, { bindings }: Metadata): void {
  for (const binding of bindings) {
    if (!bindingTypes.includes(binding.type))
      throw new Refusal(400, 10021, `binding ${binding.name} of type ${binding.type} is invalid`);
    if (binding.type !== 'kv_namespace') continue;
    if (!world.state.namespaces.some(({ id }) => id === binding['namespace_id']))
      throw new Refusal(400, 10041, `KV namespace '${String(binding['namespace_id'])}' not found`);
  }
}

/** A migration goes from the tag that is there, and each once. */
function migrated(before: Script | undefined, { migrations }: Metadata): Pick<Script, 'tag' | 'classes'> {
  const tag = before?.tag ?? null;
  const classes = before?.classes ?? [];
  if (migrations === undefined) return { tag, classes };
  if ((migrations.old_tag ?? null) !== tag)
    throw new Refusal(412, 10079, `Actor migration tag precondition failed; current tag is ${tag ?? '""'}.`);
  const added = migrations.steps.flatMap((step) => step.new_sqlite_classes ?? []);
  if (added.some((name) => classes.includes(name)))
    throw new Refusal(400, 10074, 'Cannot apply new-class migration to class that is already depended on');
  return { tag: migrations.new_tag, classes: [...classes, ...added] };
}

function checkClasses({ bindings }: Metadata, classes: readonly string[]): void {
  for (const binding of bindings)
    if (binding.type === 'durable_object_namespace' && !classes.includes(String(binding['class_name'])))
      throw new Refusal(
        400,
        10061,
        `Cannot create binding for class '${String(binding['class_name'])}' that is not exported by script or has no migration.`,
      );
}

/** Secrets outlive a deployment that does not name them. */
function keptBindings(before: Script | undefined, { bindings, keep_bindings }: Metadata): Script['bindings'] {
  const named = bindings.map(({ name }) => name);
  return (before?.bindings ?? []).filter(({ name, type }) => keep_bindings.includes(type) && !named.includes(name));
}

function etagOf(modules: readonly Part[]): string {
  const hash = createHash('sha256');
  for (const { name, text } of modules) if (!name.endsWith('.map')) hash.update(`${name}\n${text}\n`);
  return hash.digest('hex');
}

/** Without `force` it stays while it has Durable Objects. */
export function deleteScript(world: World, asked: Asked): Reply {
  const script = scriptOf(world, asked);
  if (script.classes.length > 0 && asked.query.get('force') !== 'true')
    throw new Refusal(400, 10064, 'Cannot delete this Worker as it has Durable Objects; use force=true');
  delete world.state.scripts[script.name];
  return granted(null);
}

export function scriptSettings(world: World, asked: Asked): Reply {
  const script = scriptOf(world, asked);
  return granted({
    bindings: script.bindings.map(shownBinding),
    compatibility_date: script.compatibility_date,
    ...(script.tag === null ? {} : { migration_tag: script.tag }),
  });
}

export function scriptSecrets(world: World, asked: Asked): Reply {
  const { bindings } = scriptOf(world, asked);
  return granted(bindings.filter(({ type }) => type === 'secret_text').map(shownBinding));
}

/** A secret's text is never shown again. */
function shownBinding(binding: Script['bindings'][number]) {
  if (binding.type !== 'secret_text') return binding;
  return { name: binding.name, type: binding.type };
}

export function scriptDeployments(world: World, asked: Asked): Reply {
  scriptOf(world, asked);
  return granted({ deployments: [] });
}

export function service(world: World, asked: Asked): Reply {
  const { name, tag, created_on, modified_on } = scriptOf(world, asked, 10090);
  const script = { id: name, last_deployed_from: 'wrangler', created_on, modified_on };
  const migration = tag === null ? {} : { migration_tag: tag };
  return granted({ id: name, default_environment: { environment: 'production', script: { ...script, ...migration } } });
}

export function worker(world: World, asked: Asked): Reply {
  const { name, subdomain } = scriptOf(world, asked);
  return granted({ id: newId(), name, subdomain: { enabled: subdomain, previews_enabled: false } });
}

export function setScriptSubdomain(world: World, asked: Asked): Reply {
  const script = scriptOf(world, asked);
  const body = objectOf(asked.body, ['enabled', 'previews_enabled']);
  const { enabled } = body;
  if (typeof enabled !== 'boolean') throw new Refusal(400, 10026, 'enabled must be a boolean');
  if (enabled && world.options.subdomain === null) throw noSubdomain();
  world.state.scripts[script.name] = { ...script, subdomain: enabled };
  return granted({ enabled, previews_enabled: false });
}

export function accountSubdomain(world: World): Reply {
  const { subdomain } = world.options;
  if (subdomain === null) throw noSubdomain();
  return granted({ subdomain });
}

function noSubdomain(): Refusal {
  return new Refusal(404, 10007, 'You do not have a workers.dev subdomain.');
}

function scriptOf(world: World, asked: Asked, code = 10007): Script {
  const script = world.state.scripts[asked.params['script'] ?? ''];
  if (script === undefined) throw new Refusal(404, code, 'This Worker does not exist on your account.');
  return script;
}

function summaryOf({ name, etag, created_on, modified_on }: Script) {
  return { id: name, etag, created_on, modified_on, handlers: ['fetch'], last_deployed_from: 'wrangler' };
}
