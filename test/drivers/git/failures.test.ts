import { expect, it } from 'vitest';
import { meaningOf, plain } from '../../../src/drivers/git/failures.ts';
import { parseRemoteUrl } from '../../../src/drivers/git/remote-url.ts';

const remote = parseRemoteUrl('https://host/o/r.git');

it.each([
  ["fatal: could not read Username for 'https://host': terminal prompts disabled", 'AuthenticationFailed'],
  ["fatal: unable to access 'https://host/': The requested URL returned error: 302", 'Redirected'],
  ["fatal: unable to access 'https://host/': Could not resolve host: host", 'RemoteUnavailable'],
  [
    "fatal: unable to access 'https://host/': server certificate verification failed. CAfile: none",
    'CertificateInvalid',
  ],
  ["remote: Not Found\nfatal: repository 'https://host/o/r.git/' not found", 'RepositoryNotFound'],
  ['ssh: connect to host host port 22: Connection timed out\nfatal: Could not read from remote repository.', 'Timeout'],
  [
    'No ED25519 host key is known for host and you have requested strict checking.\nHost key verification failed.\nfatal: Could not read from remote repository.',
    'HostKeyUnknown',
  ],
  ['git@host: Permission denied (publickey).\nfatal: Could not read from remote repository.', 'AuthenticationFailed'],
  [
    'error: object 1234: zeroPaddedFilemode: contains zero-padded file modes\nfatal: fsck error in packed object',
    'Refused',
  ],
  ['fatal: attempting to allocate 3000000000 bytes (limit 536870912)', 'TooLarge'],
  ['error: RPC failed; curl 18 transfer closed\nfatal: early EOF', 'RemoteUnavailable'],
  ['fatal: unable to write new index file', undefined],
])('%j means %s', (stderr, reason) => {
  expect(meaningOf(stderr, remote, {})?.reason).toBe(reason);
});

it("git's words are short, in one line, and without what is secret", () => {
  const credentials = { username: 'ada', password: 'hunter 2%' };
  const words = [
    'noise\n'.repeat(50),
    'fatal: https://ada:hunter%202%25@host/ and http://other:pass@host2/\r\x1b[31m',
    `Authorization: Basic ${btoa('ada:hunter 2%')} hunter 2%`,
    'x'.repeat(5000),
  ].join('\n');
  const said = plain(words, credentials);
  expect(said).toContain('https://***@host/ and http://***@host2/');
  expect(said).toContain('Authorization: Basic *** ***');
  expect(said).not.toMatch(/hunter|pass@|\p{Cc}/u);
  expect(said.length).toBeLessThan(1300);
});
