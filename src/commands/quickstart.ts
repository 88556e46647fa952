import type { Config } from '../base/config.ts';
import { systemClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { createDockerCompute } from '../drivers/docker/docker-compute.ts';
import { quickstartImage } from '../host/image-archive.ts';
import { ensureStaticBusybox } from '../host/packages.ts';
import type { Progress } from '../host/packages.ts';

/** The image of `examples/quickstart/`. */
const QUICKSTART_IMAGE = 'miniaws/quickstart:1';
/** How long a registry may take to answer that it has the image; afterwards it is built here. */
const PULL_MS = 20_000;

/**
 * Sees to it that the quickstart's image is on the Engine: there already, else pulled, else built from the
 * distribution's static busybox (no registry may be reachable).
 */
export async function ensureQuickstartImage(config: Config, installation: string, progress: Progress): Promise<void> {
  const compute = createDockerCompute({ installation, host: config.dockerHost, log: silentLog, clock: systemClock });
  await compute.open();
  try {
    if ((await compute.image(QUICKSTART_IMAGE)).state === 'present') return;
    progress(`pulling ${QUICKSTART_IMAGE}`);
    const owner = { uid: installation, kind: 'Image', namespace: 'default', name: 'quickstart', generation: 1 };
    const pulled = await compute.pullImage(QUICKSTART_IMAGE, owner, PULL_MS).catch(() => {
      progress("no registry has it for us; building it from the distribution's busybox");
      return undefined;
    });
    if (pulled?.state === 'present') return;
    const { tar, changes } = await quickstartImage(await ensureStaticBusybox(progress));
    await compute.importImage(tar, QUICKSTART_IMAGE, changes);
  } finally {
    await compute.close();
  }
}
