import { isAbsolute } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ipaddr from 'ipaddr.js';
import { normalizedPath } from '../../base/host-paths.ts';
import { GitError, type GitCredentials } from './git.ts';

type Transport = 'https' | 'http' | 'ssh' | 'file';

/** A url that may be given to git. */
export interface RemoteUrl {
  transport: Transport;
  /** As git gets it. */
  url: string;
  /** Of http and https: the scheme, host and port. */
  origin?: string;
  /** Of ssh. */
  host?: string;
  /** Of file. */
  path?: string;
}

const LONGEST_URL = 2048;
const USER = /^[A-Za-z0-9_][\w.+-]*$/;
const HOST = /^(?:[A-Za-z0-9_][\w.-]*|\[[0-9A-Fa-f:.]+\])$/;
const PRINTABLE = /^[\x21-\x7e\u00a1-\uffff]+$/;

/** Looks at a url before git does: it could hold credentials, or an option, or lead into another transport. */
export function parseRemoteUrl(url: string): RemoteUrl {
  if (url.length > LONGEST_URL) throw refused('the url', `it is longer than ${LONGEST_URL} characters`);
  if (!PRINTABLE.test(url)) throw refused('the url', 'it is empty or has spaces or control characters in it');
  if (url.startsWith('-')) throw refused(url, 'it begins with "-"');
  if (!url.includes('://')) return scpUrl(url);
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  // The url itself is not repeated: user-info may be in what cannot be parsed.
  if (!parsed) throw refused('the url', 'it is malformed: write it as https://host/path');
  if (parsed.password) throw refused(parsed.host, 'it has a password in it: put that into a Secret');
  if (parsed.search || parsed.hash) throw refused(parsed.host, 'it has a query or a fragment');
  switch (parsed.protocol) {
    case 'https:':
    case 'http:':
      if (parsed.username) throw refused(parsed.host, 'it has a user name in it: put that into a Secret');
      return { transport: parsed.protocol === 'https:' ? 'https' : 'http', url: parsed.href, origin: parsed.origin };
    case 'ssh:':
      return sshUrl(parsed);
    case 'file:':
      if (parsed.host) throw refused(url, 'a file url names no host: write file:///path');
      return fileUrl(parsed);
    default:
      throw refused(parsed.protocol, 'only https, http, ssh and file urls are read');
  }
}

function fileUrl(parsed: URL): RemoteUrl {
  try {
    const path = normalizedPath(fileURLToPath(parsed));
    return { transport: 'file', url: pathToFileURL(path).href, path };
  } catch (error) {
    throw new GitError('Refused', `the file url is malformed: write file:///path`, error);
  }
}

function sshUrl(parsed: URL): RemoteUrl {
  checkSsh(parsed.username, parsed.hostname);
  if (parsed.pathname.length < 2) throw refused(parsed.host, 'it names no repository: write ssh://git@host/path');
  return { transport: 'ssh', url: parsed.href, host: parsed.hostname };
}

/** `git@host:path`. What is neither this nor a url could be a path of this machine: those are written as file urls. */
function scpUrl(url: string): RemoteUrl {
  if (isAbsolute(url)) throw refused(url, `write it as file://${url}`);
  const colon = url.startsWith('[') ? -1 : url.indexOf(':');
  const [authority, path] = [url.slice(0, colon), url.slice(colon + 1)];
  if (colon < 1 || authority.includes('/'))
    throw refused('the url', 'it has no scheme: write https://host/path, ssh://git@host/path or file:///path');
  // `ext::command` and `transport::address` name helpers, which run commands.
  if (path === '' || path.startsWith(':') || path.startsWith('-'))
    throw refused('the url', 'what follows the colon names no repository');
  const at = authority.lastIndexOf('@');
  const [user, host] = [authority.slice(0, Math.max(at, 0)), authority.slice(at + 1)];
  checkSsh(user, host);
  return { transport: 'ssh', url, host };
}

function checkSsh(user: string, host: string): void {
  if (user !== '' && !USER.test(user))
    throw refused('the url', 'its user name has other characters than A-Z, 0-9, . _ + -');
  if (!HOST.test(host)) throw refused('the url', 'its host is no host name');
}

/** Credentials are sent where they cannot be read on the way, and only over the transport that uses them. */
export function checkCredentials(remote: RemoteUrl, credentials: GitCredentials): void {
  if (remote.transport === 'ssh') {
    if (!credentials.sshKey) throw new GitError('AuthenticationFailed', `${remote.url}: give an ssh key (sshKey)`);
    if (!credentials.knownHosts?.trim())
      throw new GitError(
        'HostKeyUnknown',
        `${remote.url}: give the server's keys (knownHosts), as "ssh-keyscan ${remote.host ?? ''}" prints them, and compare them with those that its operator names`,
      );
  }
  if (remote.transport === 'http' && credentials.password !== undefined && !isNear(new URL(remote.url).hostname))
    throw refused(remote.url, 'credentials would be sent in the clear: use https');
  if (/[\r\n\0]/.test(`${credentials.username ?? ''}${credentials.password ?? ''}`))
    throw new GitError('AuthenticationFailed', `${remote.url}: the user name or password has a line break in it`);
}

/** Of this machine or of a private network, written as an address: a name could lead anywhere. */
function isNear(hostname: string): boolean {
  if (hostname === 'localhost') return true;
  const address = hostname.replace(/^\[|\]$/g, '');
  if (!ipaddr.isValid(address)) return false;
  return ['loopback', 'private', 'uniqueLocal'].includes(ipaddr.process(address).range());
}

const refused = (where: string, why: string): GitError => new GitError('Refused', `${where}: not read, ${why}`);
