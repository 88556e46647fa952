import { hostname } from 'node:os';
import { isIP } from 'node:net';
import { join } from 'node:path';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import ipaddr from 'ipaddr.js';
import {
  CLOCK_SKEW_MS,
  DAY_MS,
  daysLeft,
  givenAuthority,
  isPair,
  newKey,
  ownAuthority,
  publicKeyOf,
  readIfThere,
  type CertificateAuthority,
} from './certificate-authority.ts';
import { makeFolder, writePrivate } from './private-file.ts';

/** What the https listener serves with, and what its clients trust; all PEM. */
export interface Certificates {
  ca: string;
  cert: string;
  key: string;
  notAfter: Date;
}

export interface CertificateOptions {
  /** The data folder's `tls`. */
  folder: string;
  /** DNS names and addresses by which clients reach the daemon, besides those it always carries. */
  names: readonly string[];
  /** Paths of a certificate authority (PEM) that several daemons share; without them the folder has its own. */
  caCert?: string | undefined;
  caKey?: string | undefined;
  now: Date;
}

/** Short, because renewal is automatic and a stolen key cannot be revoked. */
const SERVER_DAYS = 90;
/** Renewed when less is left; the daemon looks daily, so there are 30 tries. */
const RENEW_DAYS = 30;

/**
 * The server's certificate in `folder`, made anew when it is missing, near its end, signed by another authority, or its
 * names are not those asked for; otherwise as it is, and nothing is written. Call it again from time to time with the
 * present time, and give the result to the listener. Throws on a bad name and on an authority that cannot serve.
 */
export async function ensureCertificates(options: CertificateOptions): Promise<Certificates> {
  const { folder, now } = options;
  if (!options.caCert !== !options.caKey)
    throw new Error('a certificate authority needs both its certificate and its key');
  const names = allNames(options.names);
  await makeFolder(folder, 0o700);
  const authority =
    options.caCert && options.caKey
      ? await givenAuthority(options.caCert, options.caKey, now)
      : await ownAuthority(folder, now);
  // Key and certificate are one file, so that they are replaced together (I3).
  const path = join(folder, 'server.pem');
  const found = splitPem(await readIfThere(path));
  // One that cannot even be read is replaced.
  if (found && (await isCurrent(found, authority, names, now).catch(() => false))) return describe(found, authority);
  const made = await signServer(authority, names, now);
  await writePrivate(path, made.key + made.cert);
  return describe(made, authority);
}

type Pair = Pick<Certificates, 'cert' | 'key'>;

async function isCurrent(
  pair: Pair,
  authority: CertificateAuthority,
  names: readonly string[],
  now: Date,
): Promise<boolean> {
  const certificate = new X509Certificate(pair.cert);
  // The whole of what is left of the authority, when that is less than a certificate's usual time.
  const enough = Math.min(RENEW_DAYS, daysLeft(authority.pem, now) / 2);
  if (daysLeft(pair.cert, now) < enough || !isPair(pair.cert, pair.key)) return false;
  if (!sameNames(namesIn(certificate), names)) return false;
  return certificate.verify({ publicKey: authority.certificate, signatureOnly: true });
}

async function signServer(authority: CertificateAuthority, names: readonly string[], now: Date): Promise<Pair> {
  const key = newKey();
  const publicKey = publicKeyOf(key);
  const end = Math.min(now.getTime() + SERVER_DAYS * DAY_MS, authority.certificate.notAfter.getTime());
  const certificate = await X509CertificateGenerator.create({
    subject: 'CN=miniaws',
    // The name itself and not its text: Go clients compare the bytes.
    issuer: authority.certificate.subjectName,
    publicKey,
    signingKey: authority.key,
    signingAlgorithm: authority.algorithm,
    notBefore: new Date(now.getTime() - CLOCK_SKEW_MS),
    notAfter: new Date(end),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(names.map((value) => ({ type: isIP(value) ? 'ip' : 'dns', value }))),
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(authority.certificate),
    ],
  });
  return { cert: `${certificate.toString('pem')}\n`, key };
}

const describe = (pair: Pair, authority: CertificateAuthority): Certificates => ({
  ca: authority.pem,
  ...pair,
  notAfter: new X509Certificate(pair.cert).notAfter,
});

/** The names that the certificate is to carry: what every client on this machine uses, then those given. */
function allNames(given: readonly string[]): string[] {
  const own = isDnsName(hostname()) ? [hostname()] : [];
  return [...new Set(['localhost', '127.0.0.1', '::1', ...own, ...given].map(canonicalName))];
}

function canonicalName(name: string): string {
  if (isIP(name)) return ipaddr.parse(name).toString();
  if (isDnsName(name)) return name.toLowerCase();
  throw new Error(
    `"${name}" cannot be in a certificate: give a DNS name (example.org, *.example.org) or an IP address`,
  );
}

/** RFC 1123 labels, the first of which may be a wildcard. */
const isDnsName = (name: string): boolean =>
  name.length <= 253 &&
  /^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(name);

const namesIn = (certificate: X509Certificate): string[] =>
  (certificate.getExtension(SubjectAlternativeNameExtension)?.names.toJSON() ?? []).map((n) => canonicalName(n.value));

const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name) => b.includes(name));

const END_OF_KEY = '-----END PRIVATE KEY-----\n';

function splitPem(text: string | undefined): Pair | undefined {
  const end = text?.indexOf(END_OF_KEY) ?? -1;
  if (text === undefined || end < 0) return undefined;
  return { key: text.slice(0, end + END_OF_KEY.length), cert: text.slice(end + END_OF_KEY.length) };
}
