import { callHttp } from './http-call.ts';
import type { RemoteUrl } from './remote-url.ts';

const LONGEST = 300;
const ASK_MS = 5_000;

/** Where an http server sends those who ask for the repository, without a login; `undefined` when it does not say. */
export async function redirectTarget(
  { url }: RemoteUrl,
  ca: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const at = `${url.replace(/\/$/, '')}/info/refs?service=git-upload-pack`;
  const answer = await callHttp(at, { method: 'GET', ca, signal, withinMs: ASK_MS }).catch(() => undefined);
  return repositoryAt(answer?.location, at);
}

/** The url as a person would write it: without what git has added, and without a login. */
function repositoryAt(location: string | undefined, base: string): string | undefined {
  if (location === undefined || !URL.canParse(location, base)) return undefined;
  const { origin, pathname, protocol } = new URL(location, base);
  if (protocol !== 'http:' && protocol !== 'https:') return undefined;
  return `${origin}${pathname.replace(/\/info\/refs$/, '')}`.slice(0, LONGEST);
}
