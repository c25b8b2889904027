/** Holds requests and answers to Cloudflare's own API description, where its file lies beside the checkout. */
import { existsSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import ajvFormats from 'ajv-formats';

// its types and its CommonJS export differ in where the function is
const { default: addFormats } = ajvFormats;
const file = new URL('../../../shared/data/cloudflare-openapi.json', import.meta.url);

/** Null where the file is not: it is not ours to carry along. */
export function openDescription(): Description | null {
  return existsSync(file) ? new Description(JSON.parse(readFileSync(file, 'utf8'))) : null;
}

interface Operation {
  readonly requestBody?: unknown;
  readonly responses: Readonly<Record<string, unknown>>;
  readonly parameters?: readonly unknown[];
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

export interface Exchange {
  readonly method: string;
  /** Below the base, with its query. */
  readonly path: string;
  readonly sent: unknown;
  readonly status: number;
  readonly answer: unknown;
}

class Description {
  readonly #document: Document;
  readonly #ajv: Ajv;

  constructor(document: Document) {
    this.#document = document;
    this.#ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true });
    addFormats(this.#ajv);
    this.#ajv.addSchema(document, 'answers');
    this.#ajv.addSchema(JSON.parse(JSON.stringify(document, asRequest(this))), 'requests');
  }

  /** What is wrong with this request or its answer; empty if nothing is. */
  problems(exchange: Exchange): string[] {
    const { method, path, sent, status, answer } = exchange;
    const [bare = '', query = ''] = path.split('?');
    const template = Object.keys(this.#document.paths).find((each) => fits(each, bare));
    const pointer = `/paths/${pointed(template ?? '')}/${method.toLowerCase()}`;
    const operation = this.#document.paths[template ?? '']?.[method.toLowerCase()];
    if (operation === undefined) return [`${method} ${bare} is not described`];
    const code = operation.responses[String(status)] === undefined ? '4XX' : String(status);
    return [
      ...this.#unknownQuery(operation, `${pointer}/parameters`, query),
      ...(operation.requestBody === undefined ? [] : this.#check('requests', `${pointer}/requestBody`, sent)),
      ...(operation.responses[code] === undefined ? [`no answer ${status} described`] : []),
      ...this.#check('answers', `${pointer}/responses/${code}`, answer),
    ].map((problem) => `${method} ${bare}: ${problem}`);
  }

  #check(what: 'requests' | 'answers', pointer: string, value: unknown): string[] {
    const place = `${this.#follow(pointer)}/content/application~1json/schema`;
    if (this.#at(place) === undefined) return value === undefined ? [] : [`${what} with a body are not described`];
    const schema = this.#ajv.compile({ $ref: `${what}#${place}` });
    if (schema(value)) return [];
    return (schema.errors ?? []).map(({ instancePath, message }) => `${what} ${instancePath} ${message}`);
  }

  isReadOnly(schema: unknown): boolean {
    if (!isObject(schema)) return false;
    const { readOnly, $ref, allOf } = schema;
    if (readOnly === true) return true;
    if (typeof $ref === 'string') return this.isReadOnly(this.#at($ref.slice(1)));
    return Array.isArray(allOf) && allOf.some((part) => this.isReadOnly(part));
  }

  #unknownQuery(operation: Operation, pointer: string, query: string): string[] {
    const known = (operation.parameters ?? []).map((_, index) => this.#at(this.#follow(`${pointer}/${index}`)));
    const names = known.map((each) => (each !== null && typeof each === 'object' && 'name' in each ? each.name : ''));
    return [...new URLSearchParams(query).keys()]
      .filter((name) => !names.includes(name))
      .map((name) => `query ${name} is not described`);
  }

  /** The pointer itself, or where its `$ref` leads. */
  #follow(pointer: string): string {
    const found = this.#at(pointer);
    if (found === null || typeof found !== 'object' || !('$ref' in found)) return pointer;
    return String(found.$ref).slice(1);
  }

  #at(pointer: string): unknown {
    const parts = pointer
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    return parts.reduce<unknown>((place, part) => (isObject(place) ? place[part] : undefined), this.#document);
  }
}

export type { Description };

/** In a request, what is read-only need not be given; and the kinds of a position overlap, so that "one of" is "any of". */
function asRequest(description: Description) {
  return (_key: string, value: unknown): unknown => {
    if (!isObject(value) || Array.isArray(value)) return value;
    const { oneOf, ...rest } = value;
    const { required, properties } = value;
    const kinds = Array.isArray(oneOf) ? { anyOf: oneOf } : {};
    if (!Array.isArray(required) || !isObject(properties)) return { ...rest, ...kinds };
    const given = required.filter((name: unknown) => !description.isReadOnly(properties[String(name)]));
    return { ...rest, ...kinds, required: given };
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function pointed(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** Literal parts go before `{parameters}`: `/lists/bulk_operations/…` is no list. */
function fits(template: string, path: string): boolean {
  const wanted = template.split('/');
  const given = path.split('/');
  return (
    wanted.length === given.length &&
    wanted.every((part, index) => part === given[index] || (part.startsWith('{') && given[index] !== 'bulk_operations'))
  );
}
