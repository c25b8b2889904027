/** The host's full name, as `hostname -f` says it. */
import { expect, test } from 'vitest';
import { fullName } from '../../host-agent/daemon/ticket-world.ts';

test('the name with a domain that stands with the short one', () => {
  const hosts =
    '127.0.0.1 localhost\n# 10.0.0.1 web.old web\n127.0.1.1\tweb.example.org web # mine\n::1 web.other web\n';
  expect(fullName('web', hosts)).toBe('web.example.org');
  expect(fullName('mail', hosts)).toBe('mail');
  expect(fullName('db.example.org', '')).toBe('db.example.org');
});
