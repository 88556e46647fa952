import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GitSource } from '../../../src/drivers/git/git.ts';
import { ensureCertificates } from '../../../src/host/certificates.ts';
import { textsOf } from '../../support/git.ts';
import { serveGit } from '../../support/git-http.ts';
import { HAS_SSHD, newSshKey, startSshd, type Sshd } from '../../support/sshd.ts';
import { gitFixture } from './support/fixture.ts';

const PASSWORD = 'hunter2-and-more';

const at = gitFixture();
beforeEach(() => void at.repository.commit({ 'a.yaml': 'a\n' }));

it('over https the authority that is given is trusted, and no other', async () => {
  const { ca, cert, key } = await ensureCertificates({ folder: join(at.folder, 'tls'), names: [], now: new Date() });
  const https = await serveGit(at.repository.path, { cert, key });
  try {
    https.login = { username: 'git', password: PASSWORD };
    const source: GitSource = { url: https.url, ref: { branch: 'main' }, credentials: { password: PASSWORD } };
    await expect(at.sync(source)).rejects.toMatchObject({ reason: 'CertificateInvalid' });
    expect(https.requests).toEqual([]);
    const trusting = { ...source, credentials: { password: PASSWORD, caFile: ca } };
    expect(textsOf(await at.sync(trusting))).toEqual({ 'a.yaml': 'a\n' });
    https.instead = (_, response) => (response.writeHead(302, { Location: 'http://169.254.169.254/x' }).end(), true);
    await expect(at.sync(trusting)).rejects.toThrow('it leads to http://169.254.169.254/x');
  } finally {
    await https.close();
  }
});

describe.skipIf(!HAS_SSHD)('over ssh', () => {
  let sshd: Sshd;

  beforeEach(async () => {
    sshd = await startSshd();
  });

  afterEach(() => sshd.close());

  it('a key and known hosts let in; nothing else does', async () => {
    const url = `${sshd.url}${at.repository.path}`;
    const source = (credentials: GitSource['credentials']): GitSource => ({
      url,
      ref: { branch: 'main' },
      credentials: credentials ?? {},
    });
    const good = { sshKey: sshd.key, knownHosts: sshd.knownHosts };
    expect(textsOf(await at.sync(source(good)))).toEqual({ 'a.yaml': 'a\n' });
    const other = newSshKey();
    await expect(at.sync(source({ ...good, sshKey: other.privateKey }))).rejects.toMatchObject({
      reason: 'AuthenticationFailed',
    });
    await expect(at.sync(source({ ...good, sshKey: 'no key' }))).rejects.toMatchObject({
      reason: 'AuthenticationFailed',
      message: expect.stringContaining('cannot be read') as string,
    });
    const [host = ''] = sshd.knownHosts.split(' ');
    for (const knownHosts of [`${host} ${other.publicKey}`, 'example.org ssh-ed25519 AAAA'])
      await expect(at.sync(source({ ...good, knownHosts }))).rejects.toMatchObject({ reason: 'HostKeyUnknown' });
    await expect(at.sync({ ...source(good), url: `${sshd.url}/nowhere` })).rejects.toMatchObject({
      reason: 'RepositoryNotFound',
    });
  });
});
