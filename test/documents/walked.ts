/** The documents that are walked on booted machines, in this order: each goes on where the one before it has ended. */
export const walked = [
  'README.md',
  'docs/quick-start.md',
  'docs/alerts.md',
  'docs/edge.md',
  'docs/cookbook.md',
  'docs/behind-cloudflare.md',
  'docs/modes.md',
  'docs/security.md',
  'docs/from-fail2ban.md',
] as const;
