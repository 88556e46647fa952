import { existsSync } from 'node:fs';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { quickstartImage } from '../../src/host/image-archive.ts';

/** A static busybox under all its names, with `/bin/serve`, which answers HTTP on port 80. */
const TEST_IMAGE = 'miniaws-test/busybox:2';

/** Where the distributions' packages `busybox-static` put it. */
const BUSYBOX = ['/bin/busybox', '/usr/bin/busybox'];

let imported: Promise<string> | undefined;

/** Sees to it that `TEST_IMAGE` is on the Engine, without a registry; made once, and then found. */
export const testImage = (docker: Docker): Promise<string> => (imported ??= findOrImport(docker));

async function findOrImport(docker: Docker): Promise<string> {
  const present = await docker
    .getImage(TEST_IMAGE)
    .inspect()
    .then(
      () => true,
      () => false,
    );
  if (present) return TEST_IMAGE;
  const { tar, changes } = await quickstartImage(busybox());
  const [repo, tag] = TEST_IMAGE.split(':');
  const options = { repo, tag, changes: [...changes, 'LABEL miniaws-test=1'] };
  // docker-modem takes a Buffer as well as a stream.
  const answer = (await docker.importImage(tar as unknown as Readable, options)) as Readable;
  await once(answer.resume(), 'end');
  return TEST_IMAGE;
}

/** The files of the test image. */
export const testFiles = async (): Promise<Buffer> => (await quickstartImage(busybox())).tar;

function busybox(): string {
  const found = BUSYBOX.find((path) => existsSync(path));
  if (found) return found;
  throw new Error(`no static busybox at ${BUSYBOX.join(' or ')}: install the package busybox-static`);
}

/** Another image on the same files, under a reference of its own, each time with another id: as after a build. */
export async function imageFrom(docker: Docker, base: string, reference: string, changes: string[]): Promise<string> {
  const [repo, tag] = splitTag(reference);
  const container = await docker.createContainer({ Image: base, Cmd: ['true'] });
  try {
    const made = (await container.commit({ repo, tag, changes: changes.join('\n') })) as { Id: string };
    return made.Id;
  } finally {
    await container.remove();
  }
}

const splitTag = (reference: string): [string, string] => {
  const at = reference.lastIndexOf(':');
  return [reference.slice(0, at), reference.slice(at + 1)];
};
