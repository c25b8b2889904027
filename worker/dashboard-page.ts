/** The dashboard's page as it was built (dashboard/build.ts), and the headers without which it may not be served. */
import page from '../dist/dashboard.json' with { type: 'json' };

/** The page bears no data: it asks for that, with the session's cookie. */
export function dashboardPage(): Response {
  return new Response(page.html, {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': page.policy,
      'cross-origin-embedder-policy': 'require-corp',
      'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
    },
  });
}
