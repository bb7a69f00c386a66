/**
 * Lets programs in pages of every origin read an answer (Fetch standard, section 3.2). No credential of a
 * gateway's counts for anything, so there is nothing to keep from them.
 */
export const EVERY_PAGE = { 'access-control-allow-origin': '*' } as const

/** What a gateway says in its own name. */
export interface Page {
  status: number
  title: string
  text: string
  /** Seconds until a browser asks again. */
  refresh?: number
  /** Seconds until it makes sense to try again. */
  retryAfter?: number
}

export const PAGES = {
  home: {
    status: 200,
    title: 'A Cloister gateway',
    text: 'Leases are reached at their own names under this domain.',
  },
  foreign: {
    status: 421,
    title: 'Not our address',
    text: 'This gateway serves leases under its own domain, and domains whose DNS records name an open lease.',
  },
  unknown: {
    status: 404,
    title: 'No such lease',
    text: 'No lease has this address, or its service opens no HTTP port to the outside. A lease that was opened just now can take a second to appear.',
  },
  starting: {
    status: 503,
    title: 'Starting',
    text: 'The lease is open and its service is starting. This page asks again by itself.',
    refresh: 1,
  },
  stranger: {
    status: 404,
    title: 'No such worker',
    text: 'No worker of this network has this address.',
  },
  closed: {
    status: 410,
    title: 'Closed',
    text: 'This lease has ended. Whoever ran it can deploy again under a new address.',
  },
  unreachable: {
    status: 502,
    title: 'The worker does not answer',
    text: 'The lease is open, but its worker can not be reached. It is not paid while it is away for long.',
    refresh: 5,
  },
  silent: {
    status: 502,
    title: 'The service does not answer',
    text: 'Nothing listens at its port, or it closed the connection without an answer. Whoever runs it sees more in its logs.',
    refresh: 5,
  },
  late: {
    status: 504,
    title: 'No answer in time',
    text: 'The service said nothing for too long: its answer has to begin within a minute, or within the time that its manifest allows.',
  },
  slow: { status: 408, title: 'Too slow', text: 'Nothing came of the rest of the request for too long.' },
  tooLarge: { status: 413, title: 'Too large', text: 'The request is larger than what is passed on.' },
  malformed: {
    status: 400,
    title: 'Not a request',
    text: 'The request can be read in more than one way, or in none.',
  },
  many: {
    status: 429,
    title: 'Too many requests',
    text: 'Your address asks for more than this gateway passes on. Try again in a moment.',
  },
  busy: {
    status: 503,
    title: 'Busy',
    text: 'The worker has as many requests as it takes. Try again in a moment.',
    refresh: 2,
  },
  blind: {
    status: 503,
    title: 'The index does not answer',
    text: 'The gateway can not look leases up just now. Try again in a moment.',
    refresh: 3,
  },
} as const satisfies Record<string, Page>

/** The page for a service that starts and ends again and again. `how`: `ended with code 1`. */
export function failing(how: string): Page {
  const text = `The lease is open, but its service is failing: it ${how}. Whoever runs it sees more in its logs.`
  return { status: 503, title: 'Failing', text, refresh: 5 }
}

/** The page for a body that is larger than `limitBytes`. */
export function tooLarge(limitBytes: number): Page {
  const mib = limitBytes / 1024 / 1024
  return {
    ...PAGES.tooLarge,
    text: `A request's body may have at most ${Number.isInteger(mib) ? `${mib} MiB` : `${limitBytes} bytes`} here.`,
  }
}

/** The page for a request that is not passed on as it is, and why. */
export function refused(status: number, why: string): Page {
  return { ...PAGES.malformed, status, text: `The request is not passed on: ${why}.` }
}

/** A page as HTML, or as a problem document for programs that ask for JSON. */
export function render(
  page: Page,
  accept: string | undefined,
): { status: number; headers: Record<string, string>; body: string } {
  const headers: Record<string, string> = {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // That it is the gateway's own word, and which: a service's answer is the service's to show.
    ...EVERY_PAGE,
    ...((page.retryAfter ?? page.refresh) !== undefined && {
      'retry-after': String(page.retryAfter ?? page.refresh),
    }),
  }
  if (!accept?.includes('text/html')) {
    const problem = { type: 'about:blank', title: page.title, status: page.status, detail: page.text }
    return {
      status: page.status,
      headers: { ...headers, 'content-type': 'application/problem+json' },
      body: `${JSON.stringify(problem)}\n`,
    }
  }
  const refresh = page.refresh === undefined ? '' : `<meta http-equiv="refresh" content="${page.refresh}">`
  return {
    status: page.status,
    headers: {
      ...headers,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    },
    body: `<!doctype html><html lang="en"><head><meta charset="utf-8">${refresh}<meta name="viewport" content="width=device-width"><title>${page.title}</title><style>
body{margin:0;min-height:100vh;display:grid;place-items:center;font:17px/1.5 system-ui,sans-serif;background:#f6f5f1;color:#22262b}
main{max-width:30rem;padding:2rem}h1{font-size:1.6rem;margin:0 0 .5rem}p{margin:0 0 1rem}small{color:#6d747c}
@media(prefers-color-scheme:dark){body{background:#16181b;color:#e7e5df}}</style></head>
<body><main><h1>${page.title}</h1><p>${page.text}</p><small>${page.status} · Cloister gateway</small></main></body></html>\n`,
  }
}
