import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { RemoteUrl } from './remote-url.ts';

const LONGEST = 300;
const ASK_MS = 5_000;

/** Where an http server sends those who ask for the repository, without a login; `undefined` when it does not say. */
export function redirectTarget(
  { transport, url }: RemoteUrl,
  ca: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const at = `${url.replace(/\/$/, '')}/info/refs?service=git-upload-pack`;
  const options = { signal: AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]), agent: false };
  return new Promise((resolve) => {
    const asked =
      transport === 'https' ? requestHttps(at, { ...options, ...(ca && { ca }) }) : requestHttp(at, options);
    asked.once('error', () => resolve(undefined));
    asked.once('response', (response) => {
      response.once('error', () => undefined).destroy();
      resolve(repositoryAt(response.headers.location, at));
    });
    asked.end();
  });
}

/** The url as a person would write it: without what git has added, and without a login. */
function repositoryAt(location: string | undefined, base: string): string | undefined {
  if (location === undefined || !URL.canParse(location, base)) return undefined;
  const { origin, pathname, protocol } = new URL(location, base);
  if (protocol !== 'http:' && protocol !== 'https:') return undefined;
  return `${origin}${pathname.replace(/\/info\/refs$/, '')}`.slice(0, LONGEST);
}
