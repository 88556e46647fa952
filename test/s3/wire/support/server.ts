import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { askedChecksum, checkDigests, digestsToCheck } from '../../../../src/s3/wire/asked-checksum.ts';
import { RequestBody } from '../../../../src/s3/wire/body.ts';
import { Digests } from '../../../../src/s3/wire/checksums.ts';
import { S3Error } from '../../../../src/s3/wire/errors.ts';
import { checkPostSize, verifyPostPolicy } from '../../../../src/s3/wire/post-policy.ts';
import { decodedText, requestTarget } from '../../../../src/s3/wire/request-target.ts';
import { authenticate } from '../../../../src/s3/wire/signature.ts';

/** What was put, and how it came. */
export interface StoredObject {
  content: Buffer;
  accessKeyId: string | undefined;
  payload: string;
  checksum: string | undefined;
  headers: IncomingMessage['headers'];
}

export interface TinyS3 {
  port: number;
  /** By the path, decoded: `bucket/key`. */
  objects: Map<string, StoredObject>;
  stop: () => Promise<void>;
}

/** As little of S3 as its clients need to put, get and post an object over what is tested. */
export async function startTinyS3(secretOf: (accessKeyId: string) => string | undefined): Promise<TinyS3> {
  const objects: TinyS3['objects'] = new Map();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: rawUrl = '', headers, rawHeaders } = request;
    const name = decodedText(requestTarget(rawUrl).path.slice(1));
    if (method === 'POST') return post(name, request, response);
    const { accessKeyId, payload, hoistedHeaders } = authenticate(
      { method, rawUrl, headers, rawHeaders },
      secretOf,
      new Date(),
    );
    if (method === 'GET') {
      const found = objects.get(name);
      if (!found) throw new S3Error('NoSuchKey');
      return void response.end(found.content);
    }
    const asked = askedChecksum(headers);
    const digests = new Digests(['MD5', ...digestsToCheck(asked)]);
    const body = new RequestBody(request.iterator({ destroyOnReturn: false }), payload, headers);
    const pieces: Buffer[] = [];
    for await (const piece of body) {
      digests.update(piece);
      pieces.push(piece);
    }
    checkDigests(asked, digests, body.trailers);
    const content = Buffer.concat(pieces);
    const checksum = asked.checksum?.algorithm;
    objects.set(name, {
      content,
      accessKeyId,
      payload: payload.kind,
      checksum,
      headers: { ...hoistedHeaders, ...headers },
    });
    if (checksum) response.setHeader(`x-amz-checksum-${checksum.toLowerCase()}`, digests.base64(checksum));
    response.setHeader('etag', `"${digests.hex('MD5')}"`).end();
  }

  async function post(bucket: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const form = await new Response(Buffer.concat(pieces), {
      headers: { 'content-type': request.headers['content-type'] ?? '' },
    }).formData();
    const fields: Record<string, string> = {};
    let content = Buffer.alloc(0);
    for (const [name, value] of form)
      if (typeof value === 'string') fields[name.toLowerCase()] = value;
      else content = Buffer.from(await value.arrayBuffer());
    const verified = verifyPostPolicy({ ...fields, bucket }, secretOf, new Date());
    checkPostSize(verified, content.length);
    const { accessKeyId } = verified;
    objects.set(`${bucket}/${fields['key']}`, {
      content,
      accessKeyId,
      payload: 'form',
      checksum: undefined,
      headers: {},
    });
    response.writeHead(204).end();
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      const refusal = error instanceof S3Error ? error : new S3Error('InternalError', { cause: error });
      const text = refusal.toXml({ id: 'test', resource: request.url ?? '' });
      response.writeHead(refusal.status, { 'content-type': 'application/xml' }).end(text);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    port: (server.address() as AddressInfo).port,
    objects,
    stop: () =>
      new Promise((stopped) => {
        server.close(() => stopped());
        server.closeAllConnections();
      }),
  };
}
