import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Git, SigningKey } from '../../../src/drivers/git/git.ts';
import { openRealGit } from '../../../src/drivers/git/real-git.ts';
import { testRepository, type TestRepository } from '../../support/git.ts';
import { newSshKey } from '../../support/sshd.ts';

const folder = mkdtempSync(join(tmpdir(), 'miniaws-signatures-'));
const gnupg = join(folder, 'gnupg');
const gpg = (...args: string[]): string =>
  execFileSync('gpg', ['--homedir', gnupg, '--batch', '--quiet', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });

const ssh = newSshKey();
let repository: TestRepository;
let git: Git;
let keys: { ada: SigningKey; bob: SigningKey; carol: SigningKey; dora: SigningKey };

beforeAll(async () => {
  execFileSync('mkdir', ['-m', '700', gnupg]);
  for (const name of ['carol', 'dora'])
    gpg('--passphrase', '', '--quick-generate-key', `${name}@example.org`, 'ed25519', 'sign', 'never');
  keys = {
    ada: { name: 'Ada, of *', publicKey: ssh.publicKey },
    bob: { name: 'bob', publicKey: newSshKey().publicKey },
    carol: { name: 'carol', publicKey: gpg('--armor', '--export', 'carol@example.org') },
    dora: { name: 'dora', publicKey: gpg('--armor', '--export', 'dora@example.org') },
  };
  writeFileSync(join(folder, 'ada'), ssh.privateKey);
  chmodSync(join(folder, 'ada'), 0o600);
  repository = testRepository({ GNUPGHOME: gnupg });
  repository.git('config', 'user.signingKey', join(folder, 'ada'));
  git = await openRealGit({ folder: join(folder, 'git') });
});

afterAll(async () => {
  execFileSync('gpgconf', ['--homedir', gnupg, '--kill', 'all']);
  repository.remove();
  await rm(folder, { recursive: true, force: true });
});

const verify = (sha: string, ...by: SigningKey[]): Promise<string> =>
  git.verify({ url: repository.url, ref: { branch: 'main' } }, sha, by, new AbortController().signal);
const invalid = { reason: 'SignatureInvalid' };

it('a commit that is signed by an SSH key has that key as its signer, and no other', async () => {
  repository.git('config', 'gpg.format', 'ssh');
  const sha = repository.commit({ 'a.yaml': 'a\n' }, 'signed', '-S');
  expect(await verify(sha, keys.bob, keys.carol, keys.ada)).toBe('Ada, of *');
  await expect(verify(sha, keys.bob)).rejects.toMatchObject(invalid);
  await expect(verify(sha, keys.carol)).rejects.toThrow('by one of carol');
});

it('a commit that is signed by an OpenPGP key has that key as its signer, and no other', async () => {
  repository.git('config', 'gpg.format', 'openpgp');
  const sha = repository.commit({ 'a.yaml': 'b\n' }, 'signed', '-Scarol@example.org');
  expect(await verify(sha, keys.ada, keys.dora, keys.carol)).toBe('carol');
  await expect(verify(sha, keys.dora)).rejects.toMatchObject(invalid);
  await expect(verify(sha, keys.ada)).rejects.toMatchObject(invalid);
});

it('a commit that nobody signed, or that was changed after it was signed, is told so', async () => {
  const plain = repository.commit({ 'a.yaml': 'c\n' });
  await expect(verify(plain, keys.ada, keys.carol)).rejects.toMatchObject(invalid);
  repository.git('config', 'gpg.format', 'ssh');
  const signed = repository.commit({ 'a.yaml': 'd\n' }, 'signed', '-S');
  const forged = repository.git('cat-file', 'commit', signed).replace('signed', 'forged');
  const input = `${forged}\n`;
  const options = { cwd: repository.path, encoding: 'utf8' as const, input };
  const sha = execFileSync('git', ['hash-object', '-t', 'commit', '-w', '--stdin'], options).trim();
  repository.git('reset', '--quiet', '--hard', sha);
  await expect(verify(sha, keys.ada)).rejects.toMatchObject(invalid);
});

it('a key that is none is refused, and so is no key', async () => {
  const sha = repository.commit({ 'a.yaml': 'e\n' });
  for (const publicKey of [
    '',
    'ssh-ed25519',
    'ssh-ed25519 AAAA"\n* ssh-ed25519 AAAA',
    '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nx\n',
  ])
    await expect(verify(sha, { name: 'eve', publicKey })).rejects.toMatchObject({ reason: 'Refused' });
  await expect(verify(sha)).rejects.toMatchObject({ reason: 'Refused' });
});
