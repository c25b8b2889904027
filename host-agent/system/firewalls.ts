/** Somebody starts or restarts a firewall of this host's: systemd keeps a link for each unit that it has started. */
import { type FSWatcher, watch } from 'node:fs';

/** Each start of a unit makes its link `invocation:UNIT` anew. */
const folder = '/run/systemd/units';
const services = ['nftables', 'firewalld', 'ufw', 'iptables', 'ip6tables', 'ipset', 'netfilter-persistent'];
const links: ReadonlySet<string> = new Set(services.map((name) => `invocation:${name}.service`));

/** Calls `started` as one begins to start; returns what ends this. Where there is no systemd, nothing is heard. */
export function watchFirewalls(started: () => void, place = folder): () => void {
  let watcher: FSWatcher;
  try {
    watcher = watch(place, { persistent: false }, (_kind, name) => {
      if (name !== null && links.has(name)) started();
    });
  } catch {
    // the firewall is reviewed now and then in any case
    return () => undefined;
  }
  watcher.on('error', () => watcher.close());
  return () => watcher.close();
}
