/** What `env` and `exports` of cloudflare:workers are in these tests: the Worker of wrangler.toml. */
declare namespace Cloudflare {
  interface GlobalProps {
    mainModule: typeof import('../../worker/index.ts');
    durableNamespaces: 'Ledger';
  }
  interface Env {
    readonly LEDGER: DurableObjectNamespace<import('../../worker/ledger.ts').Ledger>;
    readonly BANS: KVNamespace;
    readonly OPERATOR_TOKEN: string;
  }
}
