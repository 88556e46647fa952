import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Git, GitSource, Snapshot } from '../../../src/drivers/git/git.ts';
import { openRealGit } from '../../../src/drivers/git/real-git.ts';
import { ensureCertificates } from '../../../src/host/certificates.ts';
import { testRepository, textsOf, type TestRepository } from '../../support/git.ts';
import { serveGit } from '../../support/git-http.ts';
import { HAS_SSHD, newSshKey, startSshd, type Sshd } from '../../support/sshd.ts';

const PASSWORD = 'hunter2-and-more';

let folder: string;
let repository: TestRepository;
let git: Git;
const { signal } = new AbortController();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'miniaws-git-'));
  repository = testRepository();
  repository.commit({ 'a.yaml': 'a\n' });
  git = await openRealGit({ folder });
});

afterEach(async () => {
  repository.remove();
  await rm(folder, { recursive: true, force: true });
});

async function sync(source: GitSource): Promise<Snapshot> {
  const { sha } = await git.resolve(source, signal);
  return git.read(source, sha, signal);
}

it('over https the authority that is given is trusted, and no other', async () => {
  const { ca, cert, key } = await ensureCertificates({ folder: join(folder, 'tls'), names: [], now: new Date() });
  const https = await serveGit(repository.path, { cert, key });
  try {
    https.login = { username: 'git', password: PASSWORD };
    const source: GitSource = { url: https.url, ref: { branch: 'main' }, credentials: { password: PASSWORD } };
    await expect(sync(source)).rejects.toMatchObject({ reason: 'CertificateInvalid' });
    expect(https.requests).toEqual([]);
    const trusting = { ...source, credentials: { password: PASSWORD, caFile: ca } };
    expect(textsOf(await sync(trusting))).toEqual({ 'a.yaml': 'a\n' });
    https.instead = (_, response) => (response.writeHead(302, { Location: 'http://169.254.169.254/x' }).end(), true);
    await expect(sync(trusting)).rejects.toThrow('it leads to http://169.254.169.254/x');
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
    const url = `${sshd.url}${repository.path}`;
    const source = (credentials: GitSource['credentials']): GitSource => ({
      url,
      ref: { branch: 'main' },
      credentials: credentials ?? {},
    });
    const good = { sshKey: sshd.key, knownHosts: sshd.knownHosts };
    expect(textsOf(await sync(source(good)))).toEqual({ 'a.yaml': 'a\n' });
    const other = newSshKey();
    await expect(sync(source({ ...good, sshKey: other.privateKey }))).rejects.toMatchObject({
      reason: 'AuthenticationFailed',
    });
    await expect(sync(source({ ...good, sshKey: 'no key' }))).rejects.toMatchObject({
      reason: 'AuthenticationFailed',
      message: expect.stringContaining('cannot be read') as string,
    });
    const [host = ''] = sshd.knownHosts.split(' ');
    for (const knownHosts of [`${host} ${other.publicKey}`, 'example.org ssh-ed25519 AAAA'])
      await expect(sync(source({ ...good, knownHosts }))).rejects.toMatchObject({ reason: 'HostKeyUnknown' });
    await expect(sync({ ...source(good), url: `${sshd.url}/nowhere` })).rejects.toMatchObject({
      reason: 'RepositoryNotFound',
    });
  });
});
