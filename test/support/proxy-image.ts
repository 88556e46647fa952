import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { proxyImage } from '../../src/host/proxy-image.ts';

/** HAProxy and busybox, as the product builds it where no registry can be reached. */
const TEST_PROXY_IMAGE = 'miniaws-test/haproxy:1';

let imported: Promise<string> | undefined;

/** Sees to it that `TEST_PROXY_IMAGE` is on the Engine; made once, and then found. */
export const testProxyImage = (docker: Docker): Promise<string> => (imported ??= findOrImport(docker));

async function findOrImport(docker: Docker): Promise<string> {
  const look = docker.getImage(TEST_PROXY_IMAGE).inspect();
  if (
    await look.then(
      () => true,
      () => false,
    )
  )
    return TEST_PROXY_IMAGE;
  const { tar, changes } = await proxyImage();
  const [repo, tag] = TEST_PROXY_IMAGE.split(':');
  const options = { repo, tag, changes: [...changes, 'LABEL miniaws-test=1'] };
  // docker-modem takes a Buffer as well as a stream.
  const answer = (await docker.importImage(tar as unknown as Readable, options)) as Readable;
  await once(answer.resume(), 'end');
  return TEST_PROXY_IMAGE;
}
