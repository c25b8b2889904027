/** The gate's own answers: small pages that ask for nothing from elsewhere, but for the challenge that Turnstile brings. */

interface Page {
  readonly title: string;
  /** HTML. */
  readonly body: string;
  /** Beside `default-src 'none'`. */
  readonly policy?: string;
}

const strict = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";

/** Never stored: the next visitor may be another one. HEAD has no body. */
export function page(request: Request, { title, body, policy = "form-action 'none'" }: Page): Response {
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title><h1>${title}</h1>${body}</html>\n`;
  return new Response(request.method === 'HEAD' ? null : html, {
    status: 403,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': `${strict}; ${policy}`,
      'cache-control': 'private, no-store',
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    },
  });
}

export function blockPage(request: Request): Response {
  const address = escaped(request.headers.get('cf-connecting-ip') ?? '');
  const ray = escaped(request.headers.get('cf-ray') ?? '');
  const reference = `<p>Your address: ${address}${ray === '' ? '' : `, request ${ray}`}</p>`;
  const body = `<p>This address is banned for now. If that is wrong, tell the site's owner:</p>${reference}`;
  return page(request, { title: 'Banned', body });
}

export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
