/** Whether the web servers of this host put the visitor's address into their logs where Cloudflare is in front. Only reads. */
import { globSync, readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { contains, parsePrefix } from '../../../shared/address.ts';
import { cloudflareRanges } from '../../../shared/engine/guard.ts';
import { broken, type Finding, ok, warning } from './finding.ts';

const files_max = 500;
const file_bytes_max = 1024 * 1024;

/** What a server's configuration says of it. */
interface RealIp {
  /** The header that is believed; null: none. */
  readonly header: string | null;
  /** From whom it is believed: addresses, networks, or a word that stands for some. */
  readonly trusted: readonly string[];
}

interface WebServer {
  readonly name: string;
  readonly main: string;
  readonly read: (texts: readonly string[]) => RealIp;
  /** Words of a configuration that take in other files. */
  readonly include: RegExp;
  readonly remedy: string;
}

const servers: readonly WebServer[] = [
  {
    name: 'nginx',
    main: 'etc/nginx/nginx.conf',
    read: nginxRealIp,
    include: /^\s*include\s+["']?([^;"']+)["']?\s*;/gm,
    remedy: "in http { }: real_ip_header CF-Connecting-IP; and a set_real_ip_from for each of Cloudflare's ranges",
  },
  {
    name: 'Apache',
    main: 'etc/apache2/apache2.conf',
    read: apacheRealIp,
    include: /^\s*Include(?:Optional)?\s+["']?([^\s"']+)["']?/gim,
    remedy:
      "a2enmod remoteip; RemoteIPHeader CF-Connecting-IP, and a RemoteIPTrustedProxy for each of Cloudflare's ranges; %a in LogFormat",
  },
  {
    name: 'Caddy',
    main: 'etc/caddy/Caddyfile',
    read: caddyRealIp,
    include: /^\s*import\s+(\S+)/gm,
    remedy: 'in the global options: servers { trusted_proxies static RANGES…; client_ip_headers Cf-Connecting-Ip }',
  },
];

/** `root`: where the file system begins. */
export function realIpFindings(root = '/'): Finding[] {
  const found = servers.flatMap((server) => {
    const texts = readAll(root, join(root, server.main), server.include);
    return texts.length === 0 ? [] : [judge(server, server.read(texts.map(withoutComments)))];
  });
  return found.length > 0 ? found : [ok('web server', 'no configuration of nginx, Apache or Caddy is on this host')];
}

/** The file and all that it includes, each once. A file that cannot be read says nothing. */
function readAll(root: string, main: string, include: RegExp): string[] {
  const seen = new Set<string>();
  const texts: string[] = [];
  const waiting = [main];
  for (let file = waiting.shift(); file !== undefined && seen.size < files_max; file = waiting.shift()) {
    if (seen.has(file)) continue;
    seen.add(file);
    const text = readText(file);
    if (text === null) continue;
    texts.push(text);
    for (const [, pattern = ''] of text.matchAll(include))
      waiting.push(...matches(root, dirname(main), pattern.trim()));
  }
  return texts;
}

function matches(root: string, folder: string, pattern: string): string[] {
  const path = isAbsolute(pattern) ? join(root, pattern) : join(folder, pattern);
  try {
    return globSync(path).sort();
  } catch {
    return [];
  }
}

function readText(file: string): string | null {
  try {
    const stat = statSync(file);
    return stat.isFile() && stat.size <= file_bytes_max ? readFileSync(file, 'utf8') : null;
  } catch {
    return null;
  }
}

function withoutComments(text: string): string {
  return text.replace(/(^|\s)#.*$/gm, '$1');
}

function nginxRealIp(texts: readonly string[]): RealIp {
  const all = texts.join('\n');
  const [, header = null] = /\breal_ip_header\s+([^\s;]+)\s*;/i.exec(all) ?? [];
  return { header, trusted: [...all.matchAll(/\bset_real_ip_from\s+([^\s;]+)\s*;/g)].map(([, from = '']) => from) };
}

function apacheRealIp(texts: readonly string[]): RealIp {
  const all = texts.join('\n');
  const isLoaded = /^\s*LoadModule\s+remoteip_module\b/im.test(all);
  const [, header = null] = /^\s*RemoteIPHeader\s+(\S+)/im.exec(all) ?? [];
  const lines = [...all.matchAll(/^\s*RemoteIP(?:TrustedProxy|InternalProxy)\s+(.+)$/gim)];
  const lists = /^\s*RemoteIP(?:TrustedProxy|InternalProxy)List\s+(\S+)/im.exec(all) === null ? [] : ['(a list)'];
  return {
    header: isLoaded ? header : null,
    trusted: [...lines.flatMap(([, from = '']) => from.trim().split(/\s+/)), ...lists],
  };
}

/** Without client_ip_headers Caddy believes X-Forwarded-For, which Cloudflare sets, too. */
function caddyRealIp(texts: readonly string[]): RealIp {
  const all = texts.join('\n');
  const [, kind, rest = ''] = /\btrusted_proxies\s+(static|cloudflare|combine)\b([^\n}]*)/.exec(all) ?? [];
  if (kind === undefined) return { header: null, trusted: [] };
  const [, header = 'X-Forwarded-For'] = /\bclient_ip_headers\s+(\S+)/.exec(all) ?? [];
  return { header, trusted: kind === 'static' ? rest.trim().split(/\s+/) : [`(${kind})`] };
}

const cloudflare = cloudflareRanges.flatMap((text) => parsePrefix(text) ?? []);
const headers = /^(cf-connecting-ip|cf-connecting-ipv6|true-client-ip|x-forwarded-for)$/i;

function judge({ name, remedy }: WebServer, { header, trusted }: RealIp): Finding {
  const about = name;
  const networks = trusted.flatMap((text) => parsePrefix(text) ?? []);
  const isNamed = trusted.some((text) => /^\(|^(private_ranges|unix:)/.test(text) || parsePrefix(text) === null);
  if (header === null || trusted.length === 0)
    return warning(
      about,
      "its logs name Cloudflare's addresses where Cloudflare is in front: nobody will be banned",
      remedy,
    );
  if (!headers.test(header))
    return warning(about, `it believes the header ${header}, which Cloudflare does not set`, remedy);
  const anybody = networks.find(({ bits }) => bits === 0);
  if (anybody !== undefined)
    return broken(about, 'it believes that header from anybody: an attacker can have whomever he likes banned', remedy);
  const lacking = isNamed ? [] : cloudflare.filter((range) => !networks.some((network) => contains(network, range)));
  if (lacking.length > 0)
    return warning(about, `it does not know ${lacking.length} of Cloudflare's ${cloudflare.length} ranges`, remedy);
  return ok(about, `takes the visitor's address from ${header}, and believes ${trusted.length} network(s)`);
}
