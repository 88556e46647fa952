import { lastLines } from '../../base/output.ts';
import { GitError, type GitCredentials, type GitReason } from './git.ts';
import { secretsOf } from './call-folder.ts';
import type { RemoteUrl } from './remote-url.ts';

const LINES = 4;
const LONGEST_LINE = 300;
const USER_INFO = /\/\/[^\s/@]{1,200}@/g;

type Advice = string | ((credentials: GitCredentials) => string);

const login: Advice = ({ password }) =>
  password === undefined
    ? 'the server asks for a login, and there are no credentials: give a Secret with a token'
    : 'the server refuses the token or password: correct the Secret';

/** What git, curl or ssh write, by what it means. The first row that has one of the texts counts. */
const MEANINGS: readonly (readonly [reason: GitReason, advice: Advice, texts: readonly string[]])[] = [
  [
    'HostKeyUnknown',
    "the server's host key is not the one in the known hosts: compare it with the one that its operator names, and correct knownHosts",
    ['Host key verification failed', 'REMOTE HOST IDENTIFICATION HAS CHANGED', 'host key is known for'],
  ],
  [
    'AuthenticationFailed',
    'the ssh key cannot be read: give a private key without a passphrase, whole',
    ['Load key', 'error in libcrypto'],
  ],
  ['AuthenticationFailed', 'the server refuses the ssh key: add its public half there', ['Permission denied (']],
  [
    'AuthenticationFailed',
    login,
    ['could not read Username', 'could not read Password', 'Authentication failed', 'returned error: 401'],
  ],
  ['AuthenticationFailed', 'the server does not allow it (403)', ['returned error: 403']],
  ['Redirected', 'the server answers elsewhere: write the url that it leads to', ['returned error: 30']],
  [
    'RepositoryNotFound',
    'there is no such repository, or these credentials may not see it: check the url',
    [
      "' not found",
      'Repository not found',
      'does not appear to be a git repository',
      'not valid: is this a git repository',
      'returned error: 404',
      'returned error: 410',
      'could not be found',
    ],
  ],
  [
    'CertificateInvalid',
    "the server's certificate is not trusted: correct the url, or give its authority (caFile)",
    ['certificate', 'CAfile', 'SSL: no alternative'],
  ],
  ['Refused', 'this transport is not allowed', ["' not allowed"]],
  ['Refused', 'the repository holds malformed objects: run git fsck on it', ['fsck error', 'fsck_', 'badTree']],
  [
    'Refused',
    'the server speaks the dumb http protocol, which cannot send one commit alone: serve it by git http-backend',
    ['dumb http transport'],
  ],
  ['TooLarge', 'an object is larger than is read', ['attempting to allocate', 'exceeding limit']],
  [
    'Timeout',
    'the server sends too slowly: it is tried again',
    ['Operation too slow', 'timed out', 'Timeout was reached', 'not responding'],
  ],
  [
    'RemoteUnavailable',
    'the server cannot be reached: check its name and the network; it is tried again',
    [
      'Could not resolve',
      'Connection refused',
      'Failed to connect',
      "Couldn't connect",
      'Connection reset',
      'Connection closed',
      'Network is unreachable',
      'No route to host',
    ],
  ],
  ['RemoteUnavailable', 'the server fails: it is tried again', ['returned error: 5', 'returned error: 429']],
  [
    'RemoteUnavailable',
    'the repository at the server is damaged: run git fsck there; it is tried again',
    ['repository corruption on the remote side'],
  ],
  [
    'RemoteUnavailable',
    'the connection broke off: it is tried again',
    [
      'early EOF',
      'unexpected disconnect',
      'hung up unexpectedly',
      'RPC failed',
      'Empty reply',
      'transfer closed',
      'bad line length',
      'protocol error',
      'expected flush',
      'Could not read from remote',
      'unexpected end of file',
    ],
  ],
];

/** What a failed command means, for a person; `undefined` when its words are none that a remote causes. */
export function meaningOf(stderr: string, remote: RemoteUrl, credentials: GitCredentials): GitError | undefined {
  const row = MEANINGS.find(([, , texts]) => texts.some((text) => stderr.includes(text)));
  if (!row) return undefined;
  const [reason, advice] = row;
  const said = typeof advice === 'string' ? advice : advice(credentials);
  return new GitError(reason, `${remote.url}: ${said} (${plain(stderr, credentials)})`);
}

/** git's last words in one line, without anything secret (I10). */
export function plain(stderr: string, credentials: GitCredentials): string {
  const text = secretsOf(credentials).reduce((left, secret) => left.replaceAll(secret, '***'), stderr);
  const lines = lastLines(text.replaceAll('\r', '\n').replace(USER_INFO, '//***@'), LINES, LONGEST_LINE);
  return lines.map((line) => line.trim()).join(' | ') || 'no word of git';
}
