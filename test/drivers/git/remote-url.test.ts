import { describe, expect, it } from 'vitest';
import { checkCredentials, parseRemoteUrl } from '../../../src/drivers/git/remote-url.ts';

describe('urls', () => {
  it.each([
    [
      'https://github.com/o/r.git',
      { transport: 'https', url: 'https://github.com/o/r.git', origin: 'https://github.com' },
    ],
    ['http://127.0.0.1:3000/r', { transport: 'http', url: 'http://127.0.0.1:3000/r', origin: 'http://127.0.0.1:3000' }],
    ['ssh://git@host:2222/o/r', { transport: 'ssh', url: 'ssh://git@host:2222/o/r', host: 'host' }],
    ['git@github.com:o/r.git', { transport: 'ssh', url: 'git@github.com:o/r.git', host: 'github.com' }],
    ['host:r', { transport: 'ssh', url: 'host:r', host: 'host' }],
    ['file:///srv/a%20b/', { transport: 'file', url: 'file:///srv/a%20b', path: '/srv/a b' }],
    ['file:///srv/../etc', { transport: 'file', url: 'file:///etc', path: '/etc' }],
  ])('%s is read', (url, expected) => {
    expect(parseRemoteUrl(url)).toEqual(expected);
  });

  it.each([
    ['', 'it is empty'],
    ['--upload-pack=touch', 'it begins with "-"'],
    ['ext::sh -c touch', 'spaces'],
    ['ext::sh%20-c', 'names no repository'],
    ['fd::17', 'names no repository'],
    ['git://host/r', 'only https, http, ssh and file'],
    ['ftp://host/r', 'only https, http, ssh and file'],
    ['/srv/r', 'write it as file:///srv/r'],
    ['../r', 'it has no scheme'],
    ['ssh://-oProxyCommand=touch/r', 'its host is no host name'],
    ['ssh://-l@host/r', 'its user name'],
    ['-oProxyCommand=x:r', 'it begins with "-"'],
    ['git@-oProxyCommand:r', 'its host is no host name'],
    ['git@host:-x', 'names no repository'],
    ['ssh://host', 'it names no repository'],
    ['file://host/srv', 'a file url names no host'],
    ['file:///srv/%2e%2e%2fx', 'the file url is malformed'],
    ['https://host/r?x=1', 'it has a query'],
    ['https://host/r\nHost:x', 'control characters'],
    [`https://host/${'x'.repeat(3000)}`, 'it is longer'],
  ])('%j is refused: %s', (url, why) => {
    expect(() => parseRemoteUrl(url)).toThrow(
      expect.objectContaining({ reason: 'Refused', message: expect.stringContaining(why) as string }),
    );
  });

  it.each([
    'https://ada:hunter2@host/r',
    'https://hunter2@host/r',
    'ssh://git:hunter2@host/r',
    'https://ada:hunter2@ho st/r',
    'https://ada:hunter2@:x/r',
  ])('what %s holds is in no message', (url) => {
    expect(() => parseRemoteUrl(url)).toThrow();
    expect(() => parseRemoteUrl(url)).not.toThrow(/hunter2/);
  });
});

describe('credentials', () => {
  const check = (url: string, credentials: object) => () => checkCredentials(parseRemoteUrl(url), credentials);

  it('go in the clear only to this machine or a private network that is written as an address', () => {
    for (const near of ['localhost', '127.0.0.1', '10.1', '192.168.7.3:3000', '[::1]', '[fd00::1]'])
      expect(check(`http://${near}/r`, { password: 'x' })).not.toThrow();
    for (const far of ['example.org', '8.8.8.8', '10.0.0.1.example.org', '[2001:db8::1]'])
      expect(check(`http://${far}/r`, { password: 'x' })).toThrow('use https');
    expect(check('http://example.org/r', {})).not.toThrow();
    expect(check('https://example.org/r', { password: 'x' })).not.toThrow();
  });

  it('of ssh are a key and known hosts, and it says how to get those', () => {
    expect(check('git@host:r', {})).toThrow(expect.objectContaining({ reason: 'AuthenticationFailed' }));
    expect(check('git@host:r', { sshKey: 'k', knownHosts: ' ' })).toThrow('ssh-keyscan host');
    expect(check('git@host:r', { sshKey: 'k', knownHosts: 'host ssh-ed25519 AAAA' })).not.toThrow();
  });

  it('bring no header of their own', () => {
    expect(check('https://host/r', { password: 'x\r\nX-Admin: 1' })).toThrow('line break');
  });
});
