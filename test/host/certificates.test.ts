import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { X509Certificate } from '@peculiar/x509';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureCertificates, type CertificateOptions, type Certificates } from '../../src/host/certificates.ts';

const DAY = 24 * 60 * 60 * 1000;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'miniaws-tls-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const ensure = (more: Partial<CertificateOptions> = {}): Promise<Certificates> =>
  ensureCertificates({ folder: join(folder, 'tls'), names: [], now: new Date(), ...more });

const inDays = (days: number): Date => new Date(Date.now() + days * DAY);

/** A real handshake of a client that trusts `ca` only; resolves to the names' verdict, undefined when accepted. */
async function handshake(served: Certificates, ca: string, servername: string): Promise<string | undefined> {
  const server = createServer({ cert: served.cert, key: served.key }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const socket: TLSSocket = connect({ host: '127.0.0.1', port, ca, servername });
  const refusal = await new Promise<string | undefined>((resolve) => {
    socket.once('secureConnect', () => resolve(undefined)).once('error', (error) => resolve(error.message));
  });
  socket.destroy();
  server.close();
  return refusal;
}

describe('certificates', () => {
  it('are accepted by a client that trusts the authority, under every name they carry, and no other', async () => {
    const made = await ensure({ names: ['cloud.example.org', '*.example.net', '192.0.2.7'] });
    for (const name of ['localhost', 'cloud.example.org', 'x.example.net']) {
      expect(await handshake(made, made.ca, name)).toBeUndefined();
    }
    expect(await handshake(made, made.ca, 'other.example.org')).toMatch(/does not match certificate/);
    const names = execFileSync('openssl', ['x509', '-noout', '-ext', 'subjectAltName'], {
      input: made.cert,
      encoding: 'utf8',
    });
    for (const ip of ['127.0.0.1', '0:0:0:0:0:0:0:1', '192.0.2.7']) expect(names).toContain(`IP Address:${ip}`);
  });

  it('are not trusted under another authority', async () => {
    const made = await ensure();
    const other = await ensure({ folder: join(folder, 'other') });
    expect(await handshake(made, other.ca, 'localhost')).toMatch(/unable to verify|self.signed|signature failure/i);
  });

  it('pass strict verification as a server’s, by a conforming authority', async () => {
    const made = await ensure();
    writeFileSync(join(folder, 'ca'), made.ca);
    writeFileSync(join(folder, 'cert'), made.cert);
    const args = [
      'verify',
      '-x509_strict',
      '-purpose',
      'sslserver',
      '-CAfile',
      join(folder, 'ca'),
      join(folder, 'cert'),
    ];
    expect(execFileSync('openssl', args, { encoding: 'utf8' })).toContain('OK');
  });

  it('I2: stay as they are while nothing asks for others', async () => {
    const first = await ensure({ names: ['a.example.org', 'B.example.org'] });
    const written = statSync(join(folder, 'tls', 'server.pem')).mtimeMs;
    const again = await ensure({ names: ['b.example.org', 'a.example.org', 'localhost'], now: inDays(59) });
    expect(again).toEqual(first);
    expect(statSync(join(folder, 'tls', 'server.pem')).mtimeMs).toBe(written);
  });

  it('are renewed when under 30 of their 90 days remain, with a new key and the same authority', async () => {
    const first = await ensure();
    expect((first.notAfter.getTime() - Date.now()) / DAY).toBeCloseTo(90, 1);
    const renewed = await ensure({ now: inDays(61) });
    expect(renewed.ca).toBe(first.ca);
    expect(renewed.key).not.toBe(first.key);
    expect((renewed.notAfter.getTime() - inDays(61).getTime()) / DAY).toBeCloseTo(90, 1);
  });

  it('are made anew when names come or go, and when they cannot be read', async () => {
    const first = await ensure();
    const more = await ensure({ names: ['a.example.org'] });
    expect(more.cert).not.toBe(first.cert);
    expect(await handshake(more, first.ca, 'a.example.org')).toBeUndefined();
    expect((await ensure()).cert).not.toBe(more.cert);
    writeFileSync(join(folder, 'tls', 'server.pem'), '-----END PRIVATE KEY-----\nnonsense');
    expect(await handshake(await ensure(), first.ca, 'localhost')).toBeUndefined();
  });

  it('an authority near its end is renewed so that those who trust the old one trust what it signs', async () => {
    const first = await ensure({ now: inDays(-3650 + 364) });
    const renewed = await ensure();
    expect(renewed.ca).not.toBe(first.ca);
    for (const ca of [first.ca, renewed.ca]) expect(await handshake(renewed, ca, 'localhost')).toBeUndefined();
  });

  it('I3: a key without its certificate, as a crash leaves it, is used', async () => {
    const first = await ensure();
    const key = readFileSync(join(folder, 'tls', 'ca.key'), 'utf8');
    rmSync(join(folder, 'tls', 'ca.crt'));
    rmSync(join(folder, 'tls', 'server.pem'));
    const again = await ensure();
    expect(readFileSync(join(folder, 'tls', 'ca.key'), 'utf8')).toBe(key);
    expect(await handshake(again, first.ca, 'localhost')).toBeUndefined();
  });

  it('I10: keys are readable by their owner alone', async () => {
    await ensure();
    expect(statSync(join(folder, 'tls')).mode & 0o777).toBe(0o700);
    for (const file of ['ca.key', 'server.pem']) expect(statSync(join(folder, 'tls', file)).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['ECDSA P-384', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1']],
    ['RSA', ['-newkey', 'rsa:2048']],
  ])('of an %s authority given by its paths are shared by daemons', async (_, kind) => {
    const [caCert, caKey] = [join(folder, 'corp.crt'), join(folder, 'corp.key')];
    const args = ['req', '-x509', ...kind, '-nodes', '-keyout', caKey, '-out', caCert, '-days', '100', '-utf8'];
    execFileSync('openssl', [...args, '-subj', '/O=Müller & Co/CN=corp', '-addext', 'keyUsage=critical,keyCertSign'], {
      stdio: 'pipe',
    });
    const own = await ensure();
    const a = await ensure({ caCert, caKey });
    const b = await ensure({ caCert, caKey, folder: join(folder, 'b') });
    expect(a.cert).not.toBe(own.cert);
    expect(a.ca).toBe(readFileSync(caCert, 'utf8'));
    for (const served of [a, b]) expect(await handshake(served, a.ca, 'localhost')).toBeUndefined();
    const bytes = (name: { toArrayBuffer(): ArrayBuffer }) => Buffer.from(name.toArrayBuffer()).toString('hex');
    expect(bytes(new X509Certificate(a.cert).issuerName)).toBe(bytes(new X509Certificate(a.ca).subjectName));
    expect((await ensure({ caCert, caKey, now: inDays(80) })).notAfter.getTime()).toBeLessThan(inDays(101).getTime());
    await expect(ensure({ caCert, caKey, now: inDays(101) })).rejects.toThrow(/has expired/);
    await expect(ensure({ caCert, caKey: join(folder, 'tls', 'ca.key') })).rejects.toThrow(/is not the private key of/);
  });

  it('I13: bad names and halves of an authority are refused with what is wrong', async () => {
    await expect(ensure({ names: ['no spaces'] })).rejects.toThrow(/"no spaces" cannot be in a certificate/);
    await expect(ensure({ caCert: '/x' })).rejects.toThrow(/both its certificate and its key/);
    const made = await ensure();
    writeFileSync(join(folder, 'leaf.crt'), made.cert);
    writeFileSync(join(folder, 'leaf.key'), made.key);
    await expect(ensure({ caCert: join(folder, 'leaf.crt'), caKey: join(folder, 'leaf.key') })).rejects.toThrow(
      /not the certificate of a certificate authority/,
    );
  });
});
