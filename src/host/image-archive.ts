import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { withoutSecrets } from '../base/config.ts';

/** What `POST /images/create?fromSrc=-` needs to make an image where no registry can be reached. */
export interface ImageArchive {
  /** The image's one layer, an uncompressed tar: the request's body. */
  tar: Buffer;
  /** Dockerfile instructions: the request's `changes` parameters. */
  changes: readonly string[];
}

/** Fixed, so that the same busybox gives the same bytes, and so the same image id, everywhere and every time. */
const MTIME = new Date(0);

/**
 * Serves a page that says which instance answered: its name if the environment has MINIAWS_INSTANCE, and its host name.
 * The shell stays process 1 and httpd is its child: the kernel drops signals that process 1 has no handler for, so
 * that httpd alone would sit out SIGTERM until the Engine kills it.
 */
const SERVE = `#!/bin/sh
name=$(hostname)
text=$(printf '%s' "\${MINIAWS_INSTANCE:-$name}" | sed 's/&/\\&amp;/g; s/</\\&lt;/g')
cat >/www/index.html <<PAGE
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>$text</title></head>
<body><h1>Hello from $text</h1><p>This page was served by the container <code>$name</code>.</p></body></html>
PAGE
busybox httpd -f -p "\${PORT:-80}" -h /www &
child=$!
trap 'kill $child; exit 0' TERM INT
wait $child
`;

const PASSWD = `root:x:0:0:root:/:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
`;
/** Without it a static glibc looks for a name service that it does not have, and every look-up of a name crashes. */
const NSSWITCH = `hosts: files dns
`;
const GROUP = `root:x:0:
nogroup:x:65534:
`;

/** The quickstart's image: busybox under all its names, and `/bin/serve`. `busybox` is the path of a static one. */
export async function quickstartImage(busybox: string): Promise<ImageArchive> {
  const archive = pack();
  const folder = (name: string, mode = 0o755) => archive.entry({ name, type: 'directory', mode, mtime: MTIME });
  const file = (name: string, content: string | Buffer, mode = 0o644) =>
    archive.entry({ name, mode, mtime: MTIME }, content);
  for (const name of ['bin', 'etc', 'dev', 'proc', 'sys', 'root']) folder(name);
  // For instances that run as another user than root.
  for (const name of ['tmp', 'www']) folder(name, 0o1777);
  file('bin/busybox', readFileSync(busybox), 0o755);
  for (const applet of appletsOf(busybox)) {
    archive.entry({ name: `bin/${applet}`, type: 'symlink', linkname: 'busybox', mode: 0o777, mtime: MTIME });
  }
  file('bin/serve', SERVE, 0o755);
  file('etc/passwd', PASSWD);
  file('etc/group', GROUP);
  file('etc/nsswitch.conf', NSSWITCH);
  archive.finalize();
  // No STOPSIGNAL: an import does not take it, and SIGTERM is what it would be.
  const changes = ['ENV PATH=/bin', 'EXPOSE 80', 'CMD ["/bin/serve"]'];
  return { tar: await buffer(archive), changes };
}

/** The names that this busybox answers to (`sh`, `httpd`, `wget`…), sorted. */
function appletsOf(busybox: string): string[] {
  const names = execFileSync(busybox, ['--list'], { encoding: 'utf8', env: withoutSecrets(process.env) }).split('\n');
  return names.filter((name) => /^[\w[.-]+$/.test(name) && name !== 'busybox').toSorted();
}
