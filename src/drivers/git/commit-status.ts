import { lastLines } from '../../base/output.ts';
import { deliver, type Delivery, type HttpAnswer } from './http-call.ts';

const POST_MS = 10_000;
const LONGEST_EXPLANATION = 200;

export type Forge = 'github' | 'gitlab' | 'gitea';

/** A repository at a code forge. */
export interface ForgeRepository {
  forge: Forge;
  /** The repository's url, as git or a browser has it. */
  url: string;
  /** Where the forge's API is; default: at the repository's host, as that forge has it. */
  apiUrl?: string;
  token: string;
  /** PEM: the authorities that are trusted instead of the system's. */
  caFile?: string;
}

export interface CommitStatus {
  sha: string;
  state: 'pending' | 'success' | 'failure';
  /** Tells this status from those of others: a new one replaces the one of the same name. */
  name: string;
  description: string;
  /** Where a person reads more. */
  targetUrl?: string;
}

/** Writes the status beside the commit at its forge. Never throws, and posts the same as often as is liked. */
export async function postCommitStatus(
  repository: ForgeRepository,
  status: CommitStatus,
  signal?: AbortSignal,
): Promise<Delivery> {
  const place = placeOf(repository.url);
  if (place === undefined)
    return {
      delivered: false,
      retry: false,
      message: 'the url names no repository of a forge: write https://host/owner/name',
    };
  const { url, headers, body } = REQUESTS[repository.forge](repository, place, status);
  const options = { headers, ca: repository.caFile, withinMs: POST_MS, ...(signal && { signal }) };
  let unchanged = false;
  const delivery = await deliver(url, body, options, (answer) => {
    unchanged = isUnchanged(answer, body.state);
    return explanationIn(answer);
  });
  return unchanged ? { delivered: true } : delivery;
}

interface Place {
  /** With the port of an http url. */
  origin: string;
  host: string;
  /** `owner/name`, or deeper at GitLab. */
  path: string;
}

/** `https://host/o/r.git`, `ssh://git@host:22/o/r.git` and `git@host:o/r.git` are one place. */
function placeOf(url: string): Place | undefined {
  const full = url.includes('://') ? url : `ssh://${url.replace(':', '/')}`;
  if (!URL.canParse(full)) return undefined;
  const { protocol, host, hostname, pathname } = new URL(full);
  const path = pathname
    .replace(/^\//, '')
    .replace(/\/$/, '')
    .replace(/\.git$/, '');
  if (!hostname || !path.includes('/')) return undefined;
  if (protocol === 'http:' || protocol === 'https:') return { origin: `${protocol}//${host}`, host, path };
  return protocol === 'ssh:' ? { origin: `https://${hostname}`, host: hostname, path } : undefined;
}

interface StatusRequest {
  url: string;
  headers: Record<string, string>;
  body: { state: string };
}

type MakeRequest = (repository: ForgeRepository, place: Place, status: CommitStatus) => StatusRequest;

const REQUESTS: Record<Forge, MakeRequest> = {
  // docs.github.com/rest/commits/statuses
  github: ({ apiUrl, token }, place, status) => ({
    url: `${base(apiUrl ?? (place.host === 'github.com' ? 'https://api.github.com' : `${place.origin}/api/v3`))}/repos/${place.path}/statuses/${status.sha}`,
    headers: {
      Authorization: `Bearer ${token}`,
      Accept: 'application/vnd.github+json',
      'X-GitHub-Api-Version': '2022-11-28',
    },
    body: { ...commonOf(status, 140), state: status.state, context: status.name },
  }),
  // docs.gitea.com/api, repoCreateStatus
  gitea: ({ apiUrl, token }, place, status) => ({
    url: `${base(apiUrl ?? `${place.origin}/api/v1`)}/repos/${place.path}/statuses/${status.sha}`,
    headers: { Authorization: `token ${token}` },
    body: { ...commonOf(status, 255), state: status.state, context: status.name },
  }),
  // docs.gitlab.com/api/commits, Set the pipeline status of a commit
  gitlab: ({ apiUrl, token }, place, status) => ({
    url: `${base(apiUrl ?? `${place.origin}/api/v4`)}/projects/${encodeURIComponent(place.path)}/statuses/${status.sha}`,
    headers: { 'PRIVATE-TOKEN': token },
    body: {
      ...commonOf(status, 255),
      state: status.state === 'failure' ? 'failed' : status.state,
      name: status.name,
    },
  }),
};

const base = (url: string): string => url.replace(/\/$/, '');

const commonOf = ({ description, targetUrl }: CommitStatus, longest: number) => ({
  description: description.length > longest ? `${description.slice(0, longest - 1)}…` : description,
  ...(targetUrl !== undefined && { target_url: targetUrl }),
});

/** GitLab refuses a state that the commit is in already. */
const isUnchanged = ({ status, text }: HttpAnswer, state: string): boolean =>
  status === 400 && text.includes('Cannot transition status') && text.includes(`from :${state}`);

/** Forges say why in the member `message` of a JSON body. */
function explanationIn({ text }: HttpAnswer): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    const said = typeof message === 'string' ? lastLines(message, 1, LONGEST_EXPLANATION)[0] : undefined;
    return said === undefined ? '' : `: "${said}"`;
  } catch {
    return '';
  }
}
