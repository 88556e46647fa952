import type { IncomingHttpHeaders } from 'node:http';
import { GRANT_PERMISSIONS, isPublicGrant } from '../../api/bucket-config.ts';
import type { Grant, GranteeGroup, GrantPermission } from '../../api/bucket-config.ts';
import { bucketGrants, objectGrants, ownerOf } from '../authorization/authorizer.ts';
import { CANNED_ACLS, cannedGrants } from '../authorization/grants.ts';
import type { Owners } from '../authorization/grants.ts';
import type { Buckets, S3Bucket } from '../buckets.ts';
import type { Objects } from '../objects.ts';
import { S3Error } from '../wire/errors.ts';
import { parseXml } from '../wire/parse-xml.ts';
import type { XmlElement } from '../wire/parse-xml.ts';
import { versionHeaders, writtenVersion, xml } from './answer.ts';
import type { Answer } from './answer.ts';
import { amended, found, isVersioned } from './found.ts';
import type { S3Request } from './request.ts';

const XSI = 'http://www.w3.org/2001/XMLSchema-instance';
const GROUPS: Readonly<Record<GranteeGroup, string>> = {
  AllUsers: 'http://acs.amazonaws.com/groups/global/AllUsers',
  AuthenticatedUsers: 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers',
  LogDelivery: 'http://acs.amazonaws.com/groups/s3/LogDelivery',
};
const GRANT_HEADERS: Readonly<Record<string, GrantPermission>> = {
  'x-amz-grant-read': 'READ',
  'x-amz-grant-write': 'WRITE',
  'x-amz-grant-read-acp': 'READ_ACP',
  'x-amz-grant-write-acp': 'WRITE_ACP',
  'x-amz-grant-full-control': 'FULL_CONTROL',
};
const MOST_GRANTS = 100;

/** As S3's documents name a namespace. */
export const ownerElement = (namespace: string) => ({ ID: namespace, DisplayName: namespace });

/** What the headers grant; `undefined`: they say nothing of it. Throws what S3 throws. */
export function grantsIn(headers: IncomingHttpHeaders, owners: Owners, buckets: Buckets): readonly Grant[] | undefined {
  const canned = headers['x-amz-acl']?.toString();
  const named = Object.entries(GRANT_HEADERS).flatMap(([name, permission]) =>
    granteesIn(headers[name]?.toString() ?? '').map((grantee) => ({ ...grantee, permission })),
  );
  if (canned === undefined) return named.length === 0 ? undefined : known(named, buckets);
  if (named.length > 0)
    throw new S3Error('InvalidRequest', {
      message: 'Specifying both Canned ACLs and Header Grants is not allowed',
    });
  const acl = CANNED_ACLS.find((each) => each === canned);
  if (!acl) throw new S3Error('InvalidArgument', { extra: { ArgumentName: 'x-amz-acl', ArgumentValue: canned } });
  return cannedGrants(acl, owners);
}

/** `id="shop", uri="http://acs.amazonaws.com/groups/global/AllUsers"`. */
function granteesIn(text: string): Omit<Grant, 'permission'>[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .map((each) => {
      const [name = '', ...rest] = each.split('=').map((part) => part.trim());
      const value = rest.join('=').replaceAll('"', '');
      if (name.toLowerCase() === 'id') return { namespace: value };
      if (name.toLowerCase() === 'uri') return { group: groupOf(value) };
      if (name.toLowerCase() === 'emailaddress') throw noEmail(value);
      throw new S3Error('InvalidArgument', { message: `"${each}" is nobody: id="…" or uri="…"` });
    });
}

const noEmail = (address: string): S3Error =>
  new S3Error('UnresolvableGrantByEmailAddress', { extra: { EmailAddress: address } });

function groupOf(uri: string): GranteeGroup {
  const [group] = Object.entries(GROUPS).find(([, each]) => each === uri) ?? [];
  if (group === undefined) throw new S3Error('InvalidArgument', { message: 'Invalid group uri' });
  return group as GranteeGroup;
}

function known(grants: readonly Grant[], buckets: Buckets): readonly Grant[] {
  if (grants.length > MOST_GRANTS) throw new S3Error('MalformedACLError');
  const stranger = grants.find(({ namespace }) => namespace !== undefined && !buckets.hasNamespace(namespace));
  if (stranger)
    throw new S3Error('InvalidArgument', { message: 'Invalid id', extra: { ArgumentValue: stranger.namespace ?? '' } });
  return grants;
}

/** What the request grants, by its headers or its body. */
async function givenGrants(request: S3Request, owners: Owners, buckets: Buckets): Promise<readonly Grant[]> {
  const { bucket, headers } = request;
  if (bucket.config.ownership === 'BucketOwnerEnforced') throw new S3Error('AccessControlListNotSupported');
  const document = await request.document();
  const grants = grantsIn(headers, owners, buckets) ?? grantsOf(document, owners, buckets);
  refusePublic(bucket, grants);
  return grants;
}

/** Throws AccessDenied for what the bucket's block does not let be granted. */
export function refusePublic({ config }: S3Bucket, grants: readonly Grant[]): void {
  if (config.publicAccessBlock?.blockPublicAcls && grants.some(isPublicGrant)) throw new S3Error('AccessDenied');
}

function grantsOf(document: Buffer, { owner }: Owners, buckets: Buckets): readonly Grant[] {
  if (document.length === 0) throw new S3Error('MissingSecurityHeader');
  const policy = parseXml(document, { root: 'AccessControlPolicy', lists: ['Grant'] });
  const said = policy['Owner'] as XmlElement | undefined;
  if (said !== undefined && said['ID'] !== owner) throw new S3Error('AccessDenied');
  const list = policy['AccessControlList'];
  if (said === undefined || list === undefined) throw new S3Error('MalformedACLError');
  const given = typeof list === 'string' ? [] : (((list as XmlElement)['Grant'] ?? []) as readonly XmlElement[]);
  return known(given.map(grantOf), buckets);
}

function grantOf({ Grantee: grantee, Permission: given }: XmlElement): Grant {
  const permission = GRANT_PERMISSIONS.find((each) => each === given);
  if (!permission || typeof grantee !== 'object' || Array.isArray(grantee)) throw new S3Error('MalformedACLError');
  const { ID: id, URI: uri, EmailAddress: address } = grantee as XmlElement;
  if (typeof id === 'string') return { namespace: id, permission };
  if (typeof uri === 'string') return { group: groupOf(uri), permission };
  if (typeof address === 'string') throw noEmail(address);
  throw new S3Error('MalformedACLError');
}

export const getBucketAcl = ({ bucket }: S3Request): Answer => aclDocument(bucket.namespace, bucketGrants(bucket));

export async function putBucketAcl(request: S3Request, buckets: Buckets): Promise<Answer> {
  const { bucket, author } = request;
  const grants = await givenGrants(request, { owner: bucket.namespace, bucketOwner: bucket.namespace }, buckets);
  await buckets.configure(bucket, { grants }, author);
  return {};
}

export async function getObjectAcl(request: S3Request, objects: Objects): Promise<Answer> {
  const row = await found(request, objects);
  const { bucket } = request;
  return aclDocument(ownerOf(row, bucket), objectGrants(row, bucket), versionHeaders(row, isVersioned(request)));
}

export async function putObjectAcl(request: S3Request, objects: Objects, buckets: Buckets): Promise<Answer> {
  const { bucket } = request;
  const row = await found(request, objects);
  const owners = { owner: ownerOf(row, bucket), bucketOwner: bucket.namespace };
  const grants = await givenGrants(request, owners, buckets);
  await amended(request, objects, row, () => ({ grants }));
  return { headers: writtenVersion(row) };
}

const aclDocument = (owner: string, grants: readonly Grant[], headers: Readonly<Record<string, string>> = {}) =>
  xml(
    'AccessControlPolicy',
    {
      Owner: ownerElement(owner),
      AccessControlList: {
        Grant: grants.map(({ group, namespace = '', permission }) => ({
          Grantee: group
            ? { '@xmlns:xsi': XSI, '@xsi:type': 'Group', URI: GROUPS[group] }
            : { '@xmlns:xsi': XSI, '@xsi:type': 'CanonicalUser', ...ownerElement(namespace) },
          Permission: permission,
        })),
      },
    },
    headers,
  );
