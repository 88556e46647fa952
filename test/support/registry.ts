import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';

const digestOf = (data: Buffer): string => `sha256:${createHash('sha256').update(data).digest('hex')}`;
const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

/** A registry on loopback from which the Engine pulls: as much of its API as a pull needs. */
export interface Registry {
  /** `127.0.0.1:PORT`: what names of its images begin with. */
  host: string;
  /** Puts an image of this root file system there, under `NAME:TAG`. */
  push: (name: string, rootFileSystem: Buffer, config: object) => void;
  close: () => Promise<void>;
}

export async function startRegistry(): Promise<Registry> {
  const blobs = new Map<string, Buffer>();
  /** By `NAME:TAG` and by `NAME:DIGEST`. */
  const manifests = new Map<string, Buffer>();
  const keep = (data: Buffer): string => {
    blobs.set(digestOf(data), data);
    return digestOf(data);
  };
  const server = createServer((request, response) => {
    const [, name = '', kind = '', reference = ''] =
      /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(request.url ?? '') ?? [];
    const found = kind === 'manifests' ? manifests.get(`${name}:${reference}`) : blobs.get(reference);
    if (request.url !== '/v2/' && !found) return void response.writeHead(404).end();
    const type = kind === 'manifests' ? MANIFEST : 'application/octet-stream';
    const body = found ?? Buffer.from('{}');
    response.writeHead(200, {
      'Docker-Distribution-API-Version': 'registry/2.0',
      'Content-Type': type,
      'Content-Length': body.length,
      'Docker-Content-Digest': digestOf(body),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    push(name, rootFileSystem, config) {
      const layer = gzipSync(rootFileSystem);
      const image = Buffer.from(
        JSON.stringify({
          architecture: process.arch === 'x64' ? 'amd64' : process.arch,
          os: 'linux',
          config,
          rootfs: { type: 'layers', diff_ids: [digestOf(rootFileSystem)] },
        }),
      );
      const manifest = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: MANIFEST,
          config: {
            mediaType: 'application/vnd.docker.container.image.v1+json',
            size: image.length,
            digest: keep(image),
          },
          layers: [
            {
              mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
              size: layer.length,
              digest: keep(layer),
            },
          ],
        }),
      );
      const [repository = ''] = name.split(':');
      manifests.set(name, manifest).set(`${repository}:${digestOf(manifest)}`, manifest);
    },
    close: () => new Promise((resolve) => (server.closeAllConnections(), server.close(() => resolve()))),
  };
}
