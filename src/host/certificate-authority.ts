import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  webcrypto,
  X509Certificate as NodeCertificate,
  type KeyObject,
} from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { codeOf } from '../base/errors.ts';
import { writePrivate } from './private-file.ts';

/** Who signs the daemons' certificates; clients trust its certificate. */
export interface CertificateAuthority {
  certificate: X509Certificate;
  /** PEM, as clients get it. */
  pem: string;
  key: webcrypto.CryptoKey;
  algorithm: SigningAlgorithm;
}

interface SigningAlgorithm {
  name: string;
  hash: string;
  namedCurve?: string;
}

export const DAY_MS = 24 * 60 * 60 * 1000;
/** A certificate is valid from an hour before it was made, for clients whose clocks are behind. */
export const CLOCK_SKEW_MS = 60 * 60 * 1000;

/** Ten years: its certificate is in every kubeconfig that was ever given out. */
const CA_DAYS = 3650;
/**
 * With less than this left the authority's certificate is made anew, for the same key and name: whoever trusts the
 * old one trusts what the new one signs until the old one ends.
 */
const CA_RENEW_DAYS = 365;
const CA_NAME = 'CN=miniaws certificate authority';

/** The authority in `folder` (`ca.crt`, `ca.key`), made or renewed when due. */
export async function ownAuthority(folder: string, now: Date): Promise<CertificateAuthority> {
  const [certPath, keyPath] = [join(folder, 'ca.crt'), join(folder, 'ca.key')];
  const keyPem = (await readIfThere(keyPath)) ?? (await makeKey(keyPath));
  const pem = await readIfThere(certPath);
  if (pem !== undefined && isPair(pem, keyPem) && daysLeft(pem, now) >= CA_RENEW_DAYS) return authorityOf(pem, keyPem);
  const made = await signAuthority(keyPem, now);
  await writePrivate(certPath, made);
  return authorityOf(made, keyPem);
}

/** An authority that several daemons share, from its two PEM files. Throws, naming the file, when it cannot serve as one. */
export async function givenAuthority(certPath: string, keyPath: string, now: Date): Promise<CertificateAuthority> {
  const [pem, keyPem] = await Promise.all([readFile(certPath, 'utf8'), readFile(keyPath, 'utf8')]);
  const parsed = parse(certPath, () => new NodeCertificate(pem));
  parse(keyPath, () => createPrivateKey(keyPem));
  if (!parsed.ca) throw new Error(`${certPath} is not the certificate of a certificate authority (CA:TRUE is missing)`);
  if (!isPair(pem, keyPem)) throw new Error(`${keyPath} is not the private key of the certificate ${certPath}`);
  if (daysLeft(pem, now) <= 0)
    throw new Error(`the certificate authority ${certPath} has expired on ${parsed.validTo}`);
  return authorityOf(pem, keyPem);
}

/** Days until the first certificate of a PEM text ends; negative when it has. */
export const daysLeft = (pem: string, now: Date): number =>
  (new X509Certificate(pem).notAfter.getTime() - now.getTime()) / DAY_MS;

export const isPair = (certPem: string, keyPem: string): boolean =>
  new NodeCertificate(certPem).checkPrivateKey(createPrivateKey(keyPem));

/** A new ECDSA P-256 private key in PKCS #8 PEM. */
export const newKey = (): string =>
  generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).privateKey;

/** The public half of a private key, in DER (SubjectPublicKeyInfo). */
export const publicKeyOf = (keyPem: string): Buffer => createPublicKey(keyPem).export({ format: 'der', type: 'spki' });

export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The key is on the disk before the certificate: a crash between them (I3) leaves a key that the next start uses. */
async function makeKey(path: string): Promise<string> {
  const pem = newKey();
  await writePrivate(path, pem);
  return pem;
}

async function signAuthority(keyPem: string, now: Date): Promise<string> {
  const { key, algorithm } = await importKey(keyPem);
  const publicKey = publicKeyOf(keyPem);
  const certificate = await X509CertificateGenerator.create({
    subject: CA_NAME,
    issuer: CA_NAME,
    publicKey,
    signingKey: key,
    signingAlgorithm: algorithm,
    notBefore: new Date(now.getTime() - CLOCK_SKEW_MS),
    notAfter: new Date(now.getTime() + CA_DAYS * DAY_MS),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return certificate.toString('pem');
}

async function authorityOf(pem: string, keyPem: string): Promise<CertificateAuthority> {
  return { certificate: new X509Certificate(pem), pem, ...(await importKey(keyPem)) };
}

/** The key for signing with. Ours are ECDSA P-256; one that is given may be of any of the usual kinds. */
async function importKey(pem: string): Promise<Pick<CertificateAuthority, 'key' | 'algorithm'>> {
  const key = createPrivateKey(pem);
  const algorithm = algorithmOf(key);
  const der = key.export({ format: 'der', type: 'pkcs8' });
  return { key: await webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']), algorithm };
}

const CURVES: Record<string, { namedCurve: string; hash: string }> = {
  prime256v1: { namedCurve: 'P-256', hash: 'SHA-256' },
  secp384r1: { namedCurve: 'P-384', hash: 'SHA-384' },
  secp521r1: { namedCurve: 'P-521', hash: 'SHA-512' },
};

function algorithmOf(key: KeyObject): SigningAlgorithm {
  const curve = CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (key.asymmetricKeyType === 'ec' && curve) return { name: 'ECDSA', ...curve };
  if (key.asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  throw new Error(
    `a ${key.asymmetricKeyType} key cannot sign certificates here: use RSA, or ECDSA on P-256, P-384 or P-521`,
  );
}

function parse<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(`${path} is not a PEM file of the kind that is needed`, { cause });
  }
}
